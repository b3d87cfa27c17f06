"""Numba functions called from machine code that is kept between processes, without importing numba.

Importing numba and loading what it keeps takes longer than most questions. A function is compiled by numba when it is
first called; the machine code for these types of arguments then goes into the user's own cache, and later processes
link it with llvmlite, in milliseconds. What it was made from is part of its name there: the text of all functions of
its folder, numba, llvmlite, Python, and the processor. What does not fit goes to numba as ever: arguments of other
kinds, a file that was cut, code that calls anything but the C library.

Such a function allocates nothing and raises nothing (numba option ``_nrt=False``); it takes C-contiguous arrays, whole
numbers, and tuples of these, and returns nothing, a whole number, or several of one type.

Tests: tests/ingest/running/test_machine_code.py.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable
from functools import cached_property, lru_cache
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from ingest.running.own_cache import note_use, own_folder, sweep_unused
from ingest.running.whole_files import write_atomically

POINTER, NUMBER = "p", "n"
_C = {POINTER: ctypes.c_void_p, NUMBER: ctypes.c_int64}
_RESULTS = {"int64": ctypes.c_int64, "uint64": ctypes.c_uint64, "uint32": ctypes.c_uint32, "int32": ctypes.c_int32}
_FINE = (0, -2)
"""Status of a function that returned a value, and of one that returned None."""
_HARMLESS = {"NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER"}
"""Settings of numba that do not change what it compiles; with any other set, numba is asked itself."""

_NUMBERS = count()
"""Of what is linked: each has a name of its own."""

Function = Callable[..., Any]


class Kernel:
    """A function of a module that imports numba; called like it.

    Args:
        module: its full name; it is imported when there is no machine code for a call.
        name: of the function in it.
    """

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name
        self._functions: dict[str, Function] = {}
        self._found = False
        self._lock = threading.Lock()

    def __call__(self, *arguments: Any) -> Any:
        kinds = kinds_of(arguments)
        if kinds is None:
            return self.compiled(*arguments)
        function = self._functions.get(kinds)
        if function is None:
            with self._lock:
                function = self._functions.get(kinds) or self._linked(kinds)
                if function is None:
                    result = self.compiled(*arguments)
                    self._keep(kinds, arguments)
                    self._functions[kinds] = self.compiled
                    return result
                self._functions[kinds] = function
        return function(*arguments)

    @cached_property
    def compiled(self) -> Function:
        """Numba's own function."""
        function: Function = getattr(import_module(self.module), self.name)
        return function

    @property
    def ready(self) -> bool:
        """Whether it can be expected to be called without waiting for numba: it was called, or some code is kept."""
        if not self._functions and not self._found:
            folder = own_folder("kernels")
            self._found = folder is not None and any(folder.glob(f"{self.module}.{self.name}.*"))
        return bool(self._functions) or self._found

    def _file(self, kinds: str) -> Path | None:
        made_from = _made_from(self.module.rpartition(".")[0])
        folder = own_folder("kernels") if made_from else None
        if folder is None:
            return None
        return folder / f"{self.module}.{self.name}.{made_from}.{hashlib.sha256(kinds.encode()).hexdigest()[:16]}"

    def _linked(self, kinds: str) -> Function | None:
        """The function from kept machine code; None where there is none that fits."""
        file = self._file(kinds)
        try:
            data = b"" if file is None else file.read_bytes()
        except OSError:
            return None
        digest, body = data[:64], data[64:]
        if not body or hashlib.sha256(body).hexdigest().encode() != digest:
            return None
        head, _, code = body.partition(b"\n")
        about = json.loads(head)
        if (about["kernel"], about["kinds"]) != (f"{self.module}.{self.name}", kinds):
            return None
        if file is not None:
            note_use(file)
        return _callable(about, code)

    def _keep(self, kinds: str, arguments: tuple[Any, ...]) -> None:
        """Write the machine code of a call that numba has just answered."""
        file = self._file(kinds)
        made = None if file is None else _made(self.compiled, kinds, arguments)
        if file is None or made is None:
            return
        body = json.dumps({**made[0], "kernel": f"{self.module}.{self.name}"}).encode() + b"\n" + made[1]
        try:
            with write_atomically(file, one_of_many=True) as new:
                new.write_bytes(hashlib.sha256(body).hexdigest().encode() + body)
            sweep_unused(file.parent)
        except OSError:  # no room or a folder that went away: the next process asks numba again
            return


def kinds_of(arguments: tuple[Any, ...]) -> str | None:
    """The kinds of arguments as text, by which machine code is told apart; None for kinds that are numba's alone."""
    kinds = []
    for value in arguments:
        if type(value) is int and -(2**63) <= value < 2**63:
            kinds.append("n")
        elif type(value) is np.ndarray:
            flags = value.flags
            if not (flags.c_contiguous and flags.aligned and value.dtype.isnative and value.dtype.kind in "iufb"):
                return None
            kinds.append(f"{value.dtype.str}{value.ndim}{'w' if flags.writeable else 'r'}")
        elif type(value) is tuple:
            inner = kinds_of(value)
            if inner is None:
                return None
            kinds.append(f"({inner})")
        else:
            return None
    return ",".join(kinds)


def _words(arguments: tuple[Any, ...], kinds: list[str], values: list[int]) -> None:
    """Arguments as numba's functions take them: of an array owner, parent, items, bytes, data, shape and strides."""
    for value in arguments:
        if isinstance(value, tuple):
            _words(value, kinds, values)
        elif isinstance(value, int):
            kinds.append(NUMBER)
            values.append(value)
        else:
            kinds.extend((POINTER, POINTER, NUMBER, NUMBER, POINTER, *(NUMBER,) * (2 * value.ndim)))
            values.extend((0, 0, value.size, value.itemsize, value.ctypes.data, *value.shape, *value.strides))


def _callable(about: dict[str, Any], code: bytes) -> Function | None:
    """Link machine code into this process."""
    from llvmlite import binding

    try:
        linking = binding.JITLibraryBuilder().add_object_img(code).export_symbol(about["symbol"])
        linked = linking.add_current_process().link(_linker(), f"{about['symbol']}.{next(_NUMBERS)}")
    except RuntimeError:  # it calls what only numba has
        return None
    words = [_C[kind] for kind in about["words"]]
    enter = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *words)(linked[about["symbol"]])
    results, single = about["results"], about["single"]
    result_type = _RESULTS[about["type"]] * max(results, 1)

    def call(*arguments: Any) -> Any:
        values: list[int] = []
        _words(arguments, [], values)
        result, raised = result_type(), ctypes.c_void_p()
        status = enter(ctypes.addressof(result), ctypes.addressof(raised), *values)
        if status not in _FINE:
            raise RuntimeError(f"{about['symbol']} ended with status {status}: it must not raise")
        if not results:
            return None
        return int(result[0]) if single else tuple(map(int, result))

    call.linked = linked  # type: ignore[attr-defined]  # the code lives as long as this
    return call


def _made(function: Any, kinds: str, arguments: tuple[Any, ...]) -> tuple[dict[str, Any], bytes] | None:
    """What is written of a function that numba has compiled for these arguments; None where it is not alone."""
    from llvmlite import binding
    from numba import typeof

    one = function.overloads.get(tuple(map(typeof, arguments)))
    if one is None:  # switched off, or another way of calling
        return None
    results = _results(one.signature.return_type)
    if results is None:
        return None
    symbol = one.fndesc.llvm_func_name
    try:
        module = binding.parse_bitcode(one.library._get_module_for_linking().as_bitcode())
    except (AttributeError, RuntimeError):  # another numba: it goes on without machine code that is kept
        return None
    for part in (*module.functions, *module.global_variables):
        if not part.is_declaration:
            part.linkage = "external" if part.name == symbol else "internal"
    words: list[str] = []
    _words(arguments, words, [])
    found = [POINTER if "ptr" in str(a.type) or "*" in str(a.type) else str(a.type) for a in _arguments(module, symbol)]
    if found != [POINTER, POINTER, *("i64" if word == NUMBER else word for word in words)]:
        return None  # numba passes arguments in another way than this file says
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    processor, features = _processor()
    machine = binding.Target.from_default_triple().create_target_machine(
        cpu=processor, features=features, opt=3, reloc="pic", codemodel="jitdefault"
    )
    passes = binding.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, binding.create_pass_builder(machine, binding.create_pipeline_tuning_options(speed_level=0)))
    about = {"symbol": symbol, "kinds": kinds, "words": words, **results}
    return about, machine.emit_object(module)


def _results(returned: Any) -> dict[str, Any] | None:
    """How many results of which type; None for types that are numba's alone."""
    from numba import types

    if returned == types.none:
        return {"results": 0, "single": False, "type": "int64"}
    if isinstance(returned, types.Integer) and str(returned) in _RESULTS:
        return {"results": 1, "single": True, "type": str(returned)}
    if isinstance(returned, types.UniTuple) and str(returned.dtype) in _RESULTS:
        return {"results": len(returned), "single": False, "type": str(returned.dtype)}
    return None


def _arguments(module: Any, symbol: str) -> list[Any]:
    return list(module.get_function(symbol).arguments)


@lru_cache(maxsize=1)
def _linker() -> Any:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.create_lljit_compiler()


@lru_cache(maxsize=1)
def _processor() -> tuple[str, str]:
    from llvmlite import binding

    return binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()


@lru_cache(maxsize=8)
def _made_from(package: str) -> str | None:
    """A short hash of all that machine code of a folder follows from; None where numba is to be asked itself."""
    if any(name.startswith("NUMBA_") and name not in _HARMLESS for name in os.environ):
        return None
    numba, folder = find_spec("numba"), find_spec(package)
    if numba is None or numba.origin is None or folder is None or folder.origin is None:
        return None
    import llvmlite

    try:
        files = [
            Path(__file__),
            Path(numba.origin).with_name("_version.py"),
            *sorted(Path(folder.origin).parent.glob("*.py")),
        ]
        parts = [file.read_bytes() for file in files]
    except OSError:
        return None
    about = (sys.version, llvmlite.__version__, *_processor())
    hashed = hashlib.sha256(repr(about).encode())
    for part in parts:
        hashed.update(hashlib.sha256(part).digest())
    return hashed.hexdigest()[:24]
