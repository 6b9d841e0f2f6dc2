"""Widgets for the notebooks: thin views over the library, made of ipywidgets' own parts.

A panel keeps nothing to itself: what is done in it is on disk at once, and running its cell again
builds it anew from there.
"""
