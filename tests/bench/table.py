"""The rows of README's table of speed: what was measured here, beside what, in the same run."""


def row(work: str, unit: str, ours: tuple[str, float], beside: tuple[str, float], digits: int = 1) -> str:
    """One row, its ratio below 1 where the first of the two takes less.

    Args:
        work: what is done.
        unit: of both times.
        ours, beside: name and time.
        digits: of the times behind the point.
    """
    (name, time), (other, its) = ours, beside
    return f"| {work}, {unit} | {name}: {time:.{digits}f} | {other}: {its:.{digits}f} | {time / its:.2f} |"
