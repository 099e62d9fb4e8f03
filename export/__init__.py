"""Turn a trained run into what the Space and the page load."""
