"""What a run file looks like: blocks, messages, and the nouns in them."""
