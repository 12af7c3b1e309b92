"""A folder of images, as data: found, decoded, framed for the model, labelled, named.

The folder is untrusted: a bad file never ends a run, it is named in the report, with a reason.
"""
