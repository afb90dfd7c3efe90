"""From logged decisions and what came of them to evidence that is valid however often it is looked at.

`plan` says what is asked of a router's arms; `decisions` what is kept of a decision until its minute is
folded; `folding` is the pure step from one minute's observations to the next state; `intake` writes
decisions as events come; `folder` walks the minutes under the partition's fence; `model` and `reading` are
what everybody else sees.
"""
