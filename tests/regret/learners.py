"""The algorithms of conformance/regret.json, each as a setting of ours."""

from services.feedback.policies.learning import Learning
from tests.regret.memories import Discounted, Overall, SinceChange, Sums
from tests.regret.simulating import Learner
from tests.regret.worlds import HIGH, LOW

SPAN = HIGH - LOW

LEARNERS: dict[str, Learner] = {
    "uniform": Learner(Learning(exploration_rate=1.0), Sums),
    "eps_greedy_0.1": Learner(Learning(), Sums),
    "ucb1": Learner(Learning("ucb1"), Sums, pending=False),
    "ucb1_pending": Learner(Learning("ucb1"), Sums),
    "ucb1_tuned": Learner(Learning("ucb_tuned"), Sums),
    "kl_ucb": Learner(Learning("kl_ucb"), Sums, pending=False),
    "ts_beta11": Learner(Learning("thompson"), Sums),
    "sw_ucb_1000": Learner(Learning("ucb1", ucb_exploration=0.5), Overall, 1000),
    "d_ucb_0.999": Learner(Learning("ucb1", discount=0.999), Discounted, 5000),
    "sw_ts_1000": Learner(Learning("thompson"), Overall, 1000),
    "d_ts_0.999": Learner(Learning("thompson", discount=0.999), Discounted, 5000),
    "armwin1000_ts": Learner(Learning("thompson"), Sums, 1000),
    "armwin1000_ucb1": Learner(Learning("ucb1"), Sums, 1000),
    "armwin1000_eps_greedy": Learner(Learning(), Sums, 1000),
    "sw1000_eps_greedy": Learner(Learning(), Overall, 1000),
    "cd_ts": Learner(Learning("thompson_change_detection"), SinceChange),
    "gauss_ts": Learner(Learning("thompson_gaussian", reward_scale=1 / SPAN), Sums),
}

# UCB's bonus is in the unit of the rewards; what these learn from are shares of a range.
GAUSSIAN = {"ucb1": Learner(Learning("ucb1", ucb_exploration=2 / SPAN**2), Sums)}


def learner_of(case: str, algorithm: str) -> Learner:
    """The learner that stands for an algorithm of a case."""
    return (GAUSSIAN if case == "gauss5" else {}).get(algorithm, LEARNERS[algorithm])
