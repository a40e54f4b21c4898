"""What strangers send, fuzzed. Each target is a module here with `one_input(octets)`, which raises where a promise is
broken; its seeds and its finds are in corpus/<target>/. `script/fuzz TARGET SECONDS` looks for more.
"""
