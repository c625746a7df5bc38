"""Models: what is trained with Keras `fit`."""
