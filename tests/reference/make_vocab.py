#!/usr/bin/env python3
"""Makes weights/clip-bpe.lbw, CLIP's vocabulary, from the file inside the open_clip_torch package (MIT licence, OpenAI's list).

    python3 tests/reference/make_vocab.py build/languagebind weights/clip-bpe.lbw"""
import gzip
import os
import subprocess
import sys

import open_clip

path = os.path.join(os.path.dirname(open_clip.__file__), 'bpe_simple_vocab_16e6.txt.gz')
subprocess.run([sys.argv[1], 'vocab', '--merges', '-', '--size', '49408', '--license', 'MIT',
                '--source', 'bpe_simple_vocab_16e6.txt of the open_clip_torch package (OpenAI CLIP)', '-o', sys.argv[2]],
               input=gzip.open(path).read(), check=True)
