from vidmask.data.stages import STAGES
from vidmask.data.throughput import LoaderSetting, StageTimes


def test_a_setting_in_words():
    assert [str(LoaderSetting("pyav", number)) for number in (0, 1, 2)] == [
        "pyav, 0 workers",
        "pyav, 1 worker",
        "pyav, 2 workers",
    ]


def test_what_is_in_no_stage_is_the_rest():
    spent = dict.fromkeys(STAGES, 0.0) | {"open": 1.5, "decode": 6.0}
    assert StageTimes("pyav", spent, 10.0, 4).other == 2.5
