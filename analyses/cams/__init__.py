"""Task 2: class activation maps side by side; by default Grad-CAM, AblationCAM and ScoreCAM."""
