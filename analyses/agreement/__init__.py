"""Task 4: the IoU between Grad-CAM and LIME, and what it means."""
