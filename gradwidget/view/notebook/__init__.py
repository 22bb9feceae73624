"""What a notebook shows and keeps."""
