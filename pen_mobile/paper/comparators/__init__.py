"""The designs that the paper's Table 2 compares with, learnt from the same features as everything else.

``gru`` is End2You's recurrent part, ``svr`` the AVEC 2016 baseline; both learn from source people's recordings and
estimate other people's. ``published`` holds what others reported on RECOLA, which nothing here has measured.
"""
