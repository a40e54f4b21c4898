"""What is measured, against what, in one run: `script/bench`.

Every ratio comes from legs that alternate (direct, a proxy, direct, the next proxy ...), since the rate of a machine
wanders; pairs are compared, and the median of the pairs is the figure. A leg that loses or doubles a message fails the
run.
"""
