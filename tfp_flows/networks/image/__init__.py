"""Networks of images: convolutions, with a context for all pixels."""
