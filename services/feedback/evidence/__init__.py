"""From logged decisions and what came of them to evidence that is valid however often it is looked at.

`plan` says what is asked of a router's arms. `noting` keeps decisions as their events come, `observations`
says which of them count, `labels` what was reported of them; `folding` is the pure step from a minute's
observations to the next state, and `folder` walks the minutes under the partition's fence, with the states
that `desk` holds. `model` and `reading` are what readers see, `verdicts` what GetExperiment (`rpcs`) makes
of it.
"""
