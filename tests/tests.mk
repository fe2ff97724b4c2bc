# Tests, fuzzers, lint and benchmarks. `make check` sums up what each part counted.

PYTEST := /usr/bin/python3 -m pytest -q -p no:cacheprovider
FUZZ_CXX ?= clang++-14
SECONDS ?= 60

fuzz_names := $(basename $(notdir $(filter-out %/replay_main.cpp,$(wildcard tests/fuzz/*.cpp))))
program_objects := $(call without_main,$(sendmail_objects) $(mailq_objects) $(spool_objects))

$(B)/tests/unit: $(unit_objects) $(program_objects) $(B)/lib.a
	@mkdir -p $(@D)
	$(CXX) $(LDFLAGS_ALL) $^ $(INIH) -lcurl -lcrypto -o $@

$(B)/tests/replay-%: $(B)/obj/tests/fuzz/%.o $(B)/obj/tests/fuzz/replay_main.o $(program_objects) $(B)/lib.a
	@mkdir -p $(@D)
	$(CXX) $(LDFLAGS_ALL) $^ $(INIH) -lcurl -lcrypto -o $@

$(B)/tests/faultrun: $(wildcard tests/crash/faultrun*)
	@mkdir -p $(@D)
	$(CXX) -std=c++20 -O2 -Wall -Wextra tests/crash/faultrun.cpp -o $@

.SECONDARY:
.PHONY: tests
tests: $(programs) $(B)/tests/unit $(fuzz_names:%=$(B)/tests/replay-%) $(B)/tests/faultrun

bench_programs := $(addprefix $(B)/bench/,pairs floor_submit floor_list make_spool)

$(B)/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 -Wall -Wextra -static $< -o $@

$(B)/bench/floor_list: tests/bench/floor_list.cpp
	@mkdir -p $(@D)
	$(CXX) -std=c++20 -O2 -Wall -Wextra $< -o $@

$(B)/bench/make_spool: $(B)/obj/tests/bench/make_spool.o $(B)/lib.a
	@mkdir -p $(@D)
	$(CXX) $(LDFLAGS_ALL) $^ -o $@

.PHONY: bench
bench: $(programs) $(bench_programs)
	/usr/bin/python3 -B tests/bench/bench.py $(B)
