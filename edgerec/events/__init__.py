"""What shoppers did, visit by visit."""
