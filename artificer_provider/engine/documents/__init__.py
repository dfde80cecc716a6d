"""Text out of PDFs and images, in processes of its own that can be ended."""
