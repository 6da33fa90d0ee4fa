"""Times of the pool of workers: by the wall, because other processes do the work."""

import resource
import time
from collections.abc import Sequence

import interpreter
from codeit_jax.arc import load_tasks
from codeit_jax.bench.comparison import OURS, BenchReport, interleave
from codeit_jax.bench.interpreter_work import LIMITS, Workload, num_executions
from interpreter import InterpreterPool, Job

ONE_CORE, ALLOWED = "one core", "allowed"
_WORKERS = 2
_POOL_TURNS = 4
JOBS = 5000
SCORED_TASKS = 20
_ALL_EXECUTIONS = 19_200 * 400
# So many that each worker gets some: the clock starts when all of them have started.
_WARM_UP = [Job(["O = hmirror(I)"], [((1,),)])] * 100


def time_pool(report: BenchReport, mutants: Workload, samples: Sequence[Workload], turns: int) -> None:
    """Time the rows that need workers."""
    report.work["pool workers"] = _WORKERS
    _time_start(report, turns)
    _time_mutants(report, mutants)
    _time_samples(report, samples, turns)
    with InterpreterPool(_WORKERS, LIMITS) as pool:
        _time_scores(report, mutants, pool)
    with InterpreterPool(1, LIMITS) as pool:  # one, for its time is compared with that of one process
        _time_jobs(report, pool, turns)


def _time_start(report: BenchReport, turns: int) -> None:
    """From nothing to the first answer of one worker."""

    def start() -> None:
        """Start a worker and run one program."""
        with InterpreterPool(1, LIMITS) as pool:
            pool.run([Job(["O = hmirror(I)"], [((1,),)])])

    # After an untimed start, so that the files are in memory.
    report.figures["worker start-up"] = {OURS: interleave({OURS: start}, turns)[OURS].wall, ALLOWED: 0.2}
    report.goals["worker start-up", ALLOWED] = (1, 2)


def _time_mutants(report: BenchReport, mutants: Workload) -> None:
    """I3: the batch of I2, by two workers and by this process."""
    texts = [str(program) for program in mutants.programs]
    before = _seconds_of_ended_processes()
    with InterpreterPool(_WORKERS, LIMITS) as pool:
        pool.run(_WARM_UP)
        times = interleave(
            {
                OURS: lambda: pool.run([Job(texts, mutants.grids)]),
                ONE_CORE: lambda: interpreter.run_batch(mutants.programs, mutants.grids, LIMITS),
            },
            _POOL_TURNS,
            warm_up=False,
        )
    # Only now that the pool is closed: the kernel counts processes that have ended and were waited for.
    workers = (_seconds_of_ended_processes() - before) / _POOL_TURNS
    report.figures["I3 mutants, pool"] = {name: taken.wall for name, taken in times.items()}
    report.goals["I3 mutants, pool", ONE_CORE] = (1.8, 1.95)
    _report_rate(report, "I2 mutants", [mutants], times[OURS].wall)
    report.notes["I3"] = (
        f"by the wall; of the processor the workers took {workers:.2f} s together, this process "
        f"{times[OURS].cpu:.2f} s beside them, and {times[ONE_CORE].cpu:.2f} s alone; only the first turn parses"
    )


def _time_samples(report: BenchReport, samples: Sequence[Workload], turns: int) -> None:
    """I4 as a run has it: texts, each task's in one job."""
    jobs = [Job([str(program) for program in workload.programs], workload.grids) for workload in samples]
    # The least, as for the other rows: noise only adds.
    seconds = min(_seconds_of_new_pool(jobs) for _ in range(turns))
    _report_rate(report, "I4 samples", samples, seconds)


def _seconds_of_new_pool(jobs: Sequence[Job]) -> float:
    with InterpreterPool(_WORKERS, LIMITS) as pool:  # workers keep what they have parsed
        pool.run(_WARM_UP)
        start = time.perf_counter()
        pool.run(jobs)
        return time.perf_counter() - start


def _report_rate(report: BenchReport, row: str, workloads: Sequence[Workload], seconds: float) -> None:
    report.add(f"{row}: runs a second through the pool", num_executions(workloads) / seconds / 1000, "thousand")


def _seconds_of_ended_processes() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _time_scores(report: BenchReport, mutants: Workload, pool: InterpreterPool) -> None:
    """I5: which mutants solve which tasks, by their first miss, smallest demonstration first."""
    tasks = load_tasks("arc1/evaluation")
    jobs = []
    for task in tasks[:: len(tasks) // SCORED_TASKS][:SCORED_TASKS]:
        # A miss on a small grid spares the large ones.
        examples = sorted(task.demonstrations, key=lambda example: len(example.input) * len(example.input[0]))
        grids = [example.input for example in examples]
        goals = [example.output for example in examples]
        jobs.append(Job(mutants.programs, grids, goals, stop_at_first_miss=True))
    seconds = interleave({OURS: lambda: pool.run(jobs)}, 1, warm_up=False)[OURS].wall
    whole = seconds * _ALL_EXECUTIONS / (len(mutants.programs) * len(jobs))
    report.figures["I5 mutants' scores, 19,200 x 400"] = {OURS: whole, ALLOWED: 30 * 60.0}
    report.goals["I5 mutants' scores, 19,200 x 400", ALLOWED] = (1, 2)
    report.notes["I5"] = f"from {len(mutants.programs)} mutants x {len(jobs)} tasks, which took {seconds:.1f} s"


def _time_jobs(report: BenchReport, pool: InterpreterPool, turns: int) -> None:
    """I7: small jobs, less what their programs take."""
    grid = ((1, 2), (3, 4))
    program = interpreter.parse("O = hmirror(I)")
    jobs = [Job([str(program)], [grid])] * JOBS
    times = interleave(
        {
            OURS: lambda: pool.run(jobs),
            ONE_CORE: lambda: [interpreter.run(program, grid, LIMITS) for _ in range(JOBS)],
        },
        turns,
    )
    report.figures["I7 pool overhead a job"] = {
        OURS: (times[OURS].wall - times[ONE_CORE].wall) / JOBS,
        ALLOWED: 50e-6,
    }
    report.goals["I7 pool overhead a job", ALLOWED] = (1, 50 / 20)
