"""The benchmarks of the book, each in a script of its own: ``companion bench NAME``."""

from benchmarks.book import BOOK_AND_TEST
from benchmarks.chain import CHAIN
from benchmarks.conv_train import CONV_TRAIN
from benchmarks.cost_model import COST_MODEL
from benchmarks.decoupled import DECOUPLED, DECOUPLED_MEMORY
from benchmarks.fc_growth import FC_GROWTH
from benchmarks.fc_train import FC_TRAIN, FC_TRAIN_SGD
from benchmarks.gate_sharing import GATE_SHARING
from benchmarks.load import LOAD, LOAD_MEMORY
from benchmarks.machine import MACHINE, SKETCH
from benchmarks.npk import NPK
from benchmarks.ntk import NTK
from benchmarks.quick import QUICK
from benchmarks.store import STORE

BENCHMARKS = (
    FC_TRAIN,
    FC_TRAIN_SGD,
    FC_GROWTH,
    GATE_SHARING,
    CONV_TRAIN,
    COST_MODEL,
    NTK,
    NPK,
    MACHINE,
    SKETCH,
    DECOUPLED,
    DECOUPLED_MEMORY,
    CHAIN,
    STORE,
    LOAD,
    LOAD_MEMORY,
    QUICK,
    BOOK_AND_TEST,
)
