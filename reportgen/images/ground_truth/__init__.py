"""Where the object is: ground truth that a user lays beside the images."""
