import threading

from fourier_depth_ros.ros.worker import LatestWorker


def never(error: Exception) -> None:
    raise AssertionError(error)


def test_the_latest_item_wins_and_the_replaced_are_counted():
    started, go = threading.Event(), threading.Event()
    seen = []

    def work(item: int) -> None:
        seen.append(item)
        started.set()
        go.wait(10)

    dropped = []
    worker = LatestWorker(work, never, lambda: dropped.append(1), "test")
    worker.put(0)
    started.wait(10)
    for item in range(1, 6):  # while 0 is in work
        worker.put(item)
    started.clear()
    go.set()
    started.wait(10)
    worker.stop()
    assert seen == [0, 5]
    assert len(dropped) == 4


def test_an_exception_is_reported_and_the_next_item_is_worked():
    failures: list[Exception] = []
    done = threading.Event()

    def work(item: str) -> None:
        if item == "bad":
            raise ValueError(item)
        done.set()

    failed = threading.Event()
    worker = LatestWorker(work, lambda e: (failures.append(e), failed.set()), lambda: None, "test")
    worker.put("bad")
    assert failed.wait(10)
    worker.put("good")
    assert done.wait(10)
    worker.stop()
    assert [str(error) for error in failures] == ["bad"]


def test_stop_lets_the_item_in_work_finish_and_joins():
    started, go, finished = threading.Event(), threading.Event(), []

    def work(item: int) -> None:
        started.set()
        go.wait(10)
        finished.append(item)

    worker = LatestWorker(work, never, lambda: None, "worker_under_test")
    worker.put(1)
    started.wait(10)
    worker.put(2)
    threading.Timer(0.1, go.set).start()
    worker.stop()
    assert finished == [1]
    assert not [t for t in threading.enumerate() if t.name == "worker_under_test"]
