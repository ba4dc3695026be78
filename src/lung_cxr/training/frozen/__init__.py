"""The frozen-prefix cache: what does not change in a stage is computed once (DESIGN §11).

While groups 1…L−m are frozen, their output for an image is one fixed array. `cut.py` takes the network apart there,
`plan.py` decides from shapes whether and where it pays, `store.py` keeps the arrays, `stage.py` trains on what follows.
"""
