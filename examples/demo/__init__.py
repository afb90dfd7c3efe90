"""`turnout demo`: the whole suite on real models and real data, told as a story whose claims are checked."""
