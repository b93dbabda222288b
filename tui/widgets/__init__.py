"""The pieces of a screen: records in, messages out."""
