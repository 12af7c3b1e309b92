"""Task 2: Grad-CAM, AblationCAM and ScoreCAM side by side."""
