# SPDX-License-Identifier: Apache-2.0
"""A Hermes home: corpus.py says what is in it."""
import corpus
import shapes

SHAPE = shapes.Shape("corpus", "a Hermes home", corpus.VERSION, corpus.fill, database=True)
