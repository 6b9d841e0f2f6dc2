"""What a file says of its network, under the names of kohya's trainer."""

import pytest

from loranb.lora.network import ARGUMENTS, network
from loranb.settings import Settings, fields


def said(**changes):
    return network(Settings().assign_all({name.replace("__", "."): value for name, value in changes.items()}))


def test_a_plain_lora_has_no_arguments():
    assert said() == {"ss_network_module": "networks.lora"}


def test_arguments_are_texts_under_kohyas_names():
    told = said(lora__conv_rank=8, lora__conv_alpha=4, lora__rank_dropout=0.1, optimizer__loraplus_ratio=16)
    assert told["ss_network_module"] == "networks.lora"
    wanted = {"conv_dim": "8", "conv_alpha": "4.0", "rank_dropout": "0.1", "loraplus_lr_ratio": "16.0"}
    assert told["ss_network_args"] == wanted


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("dora", {"algo": "locon", "dora_wd": "True"}),
        ("loha", {"algo": "loha"}),
        ("lokr", {"algo": "lokr", "factor": "8"}),
    ],
)
def test_other_types_name_lycoris_and_its_algorithm(kind, wanted):
    changes = {"lora__factor": 8} if kind == "lokr" else {}
    assert said(lora__type=kind, **changes) == {"ss_network_module": "lycoris.kohya", "ss_network_args": wanted}


def test_every_argument_is_declared():
    assert {field.kohya for field in fields()} >= ARGUMENTS
