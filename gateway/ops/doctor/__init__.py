"""What finds out why calls do not work: one check per thing that may be wrong.

A check looks, changes nothing, and says in one line what is right, or what is wrong and what to do
about it. `checks.py` lists them, `examination.py` runs them side by side, each within a limit.
"""
