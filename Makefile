# One front door: `make help`. Everything that is made goes to build/.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

JOBS     ?= $(shell nproc)
BUILD    := build
MODULE   := $(BUILD)/ngx_http_opendify_module.so
RESULTS  := $(BUILD)/results
PYTHON   := .venv/bin/python

# The nginx to build for: Debian's nginx-dev, or any source tree.
NGX_SRC   ?= /usr/share/nginx/src
NGX_FLAGS ?= --with-compat --with-debug --with-threads \
             --with-http_ssl_module --with-http_v2_module \
             --with-http_realip_module --with-http_auth_request_module \
             --with-http_stub_status_module
CC_OPT    ?= -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2
LD_OPT    ?= -Wl,-z,relro -Wl,-z,now

.PHONY: help deps build unit outcomes e2e faults test check demo fuzz \
        sanitize bench bench-programs clean dist FORCE

help: ## show this list
	@grep -hE '^[a-z0-9]+:.*## ' $(firstword $(MAKEFILE_LIST)) \
	    | awk -F ':.*## ' '{ printf "  make %-9s %s\n", $$1, $$2 }'

deps: ## install Debian's packages and those of the tests
	@.ci/deps

# --- module ----------------------------------------------------------------

CORE_SRCS := $(sort $(wildcard src/core/*/*.cpp))
GLUE_SRCS := $(sort $(wildcard src/nginx/*.cpp))
HEADERS   := $(sort $(wildcard include/opendify/*.hpp src/core/*/*.hpp \
                               src/nginx/*.hpp))

# What was configured: another nginx, compiler, other flags or another list of
# files are a reason to configure anew.
CONFIGURED := $(NGX_SRC) $(CC) $(NGX_FLAGS) $(CC_OPT) $(LD_OPT) \
              $(CORE_SRCS) $(GLUE_SRCS) $(HEADERS)

build: $(MODULE) ## build the module for the installed nginx, or NGX_SRC=/path

$(BUILD)/nginx/configured: FORCE
	@mkdir -p $(BUILD)/nginx
	@[ -f $@ ] && [ ! config -nt $@ ] \
	    && [ "$$(cat $@)" = "$(strip $(CONFIGURED))" ] && exit 0; \
	.ci/sources; \
	.ci/configure "$(NGX_SRC)" $(BUILD)/nginx "$(CC_OPT)" "$(LD_OPT)" \
	    --add-dynamic-module=$(CURDIR) $(NGX_FLAGS); \
	printf '%s\n' "$(strip $(CONFIGURED))" > $@

# Moved, not copied over: a running nginx has the old file mapped.
$(MODULE): $(BUILD)/nginx/configured config $(CORE_SRCS) $(GLUE_SRCS) $(HEADERS)
	@$(MAKE) --no-print-directory -C $(BUILD)/nginx -f objs/Makefile \
	    -j$(JOBS) modules
	@cp $(BUILD)/nginx/objs/$(notdir $(MODULE)) $(MODULE).new
	@mv $(MODULE).new $(MODULE)
	@echo "built $(MODULE)"

# --- unit tests: the core alone, no nginx on the include path --------------

CXX       ?= g++
CXXSTD    := -std=c++17 -W -Wall -Wextra -Werror -fvisibility=hidden
UNIT_OPT  ?= -O1 -g
UNIT_DIR  := $(BUILD)/unit
UNIT_SRCS := $(sort $(wildcard tests/unit/*/*_test.cpp tests/golden/*.cpp))
UNIT_OBJS := $(patsubst %.cpp,$(UNIT_DIR)/%.o,$(CORE_SRCS) $(UNIT_SRCS))
GOLDEN    := $(CURDIR)/tests/golden

$(UNIT_DIR)/tests/%.o: tests/%.cpp Makefile
	@mkdir -p $(@D)
	$(CXX) $(CXXSTD) $(UNIT_OPT) -MMD -MP -Iinclude -Isrc/core -Itests \
	    -DOPENDIFY_GOLDEN_DIR='"$(GOLDEN)"' -c $< -o $@

$(UNIT_DIR)/src/%.o: src/%.cpp Makefile
	@mkdir -p $(@D)
	$(CXX) $(CXXSTD) $(UNIT_OPT) -MMD -MP -Iinclude -Isrc/core -c $< -o $@

$(UNIT_DIR)/unit_tests: $(UNIT_OBJS)
	$(CXX) $(UNIT_OPT) $^ -o $@ -lgtest_main -lgtest -lpthread -lyajl -lcrypto

-include $(UNIT_OBJS:.o=.d)

unit: ## build the core without nginx and run its unit and golden tests
	@rm -f $(RESULTS)/unit.xml
	@$(MAKE) --no-print-directory -j$(JOBS) $(UNIT_DIR)/unit_tests
	@mkdir -p $(RESULTS)
	$(UNIT_DIR)/unit_tests --gtest_brief=1 \
	    --gtest_output=xml:$(RESULTS)/unit.xml $(UNIT_ARGS)

# --- what the decoder makes of a folder of recorded answers ----------------

OUTCOME := $(UNIT_DIR)/recordings_outcome

$(OUTCOME): $(patsubst %.cpp,$(UNIT_DIR)/%.o,$(CORE_SRCS) \
              tests/tools/recordings_outcome.cpp)
	$(CXX) $(UNIT_OPT) $^ -o $@ -lcrypto

-include $(UNIT_DIR)/tests/tools/recordings_outcome.d

outcomes: ## print what is decoded from recorded answers, DIR=/path
	@$(MAKE) --no-print-directory -s -j$(JOBS) $(OUTCOME)
	@$(OUTCOME) "$(DIR)"

# Where the pacer may cut a text, for a test against Unicode's own rules.
BORDERS := $(UNIT_DIR)/grapheme_borders

$(BORDERS): $(patsubst %.cpp,$(UNIT_DIR)/%.o,tests/tools/grapheme_borders.cpp \
              src/core/flow/grapheme_border.cpp src/core/wire/utf8.cpp)
	$(CXX) $(UNIT_OPT) $^ -o $@

-include $(UNIT_DIR)/tests/tools/grapheme_borders.d

# --- end to end ------------------------------------------------------------

PACKAGES := .venv/ready
$(PACKAGES): $(wildcard t/requirements*.txt t/node/package.json)
	@.ci/deps

# Test files run side by side, each in one process.
E2E_JOBS  ?= $(JOBS)
PYTEST    := $(PYTHON) -m pytest t -n $(E2E_JOBS) --dist loadfile

e2e: $(PACKAGES) build ## run t/ against a real nginx (E2E_ARGS='-k name')
	@rm -f $(RESULTS)/e2e.xml; mkdir -p $(RESULTS)
	OPENDIFY_MODULE=$(abspath $(MODULE)) $(PYTEST) \
	    --junitxml=$(RESULTS)/e2e.xml $(E2E_ARGS)

faults: $(PACKAGES) build ## fail each call into the system once, for minutes
	OPENDIFY_MODULE=$(abspath $(MODULE)) OPENDIFY_FAULTS=all \
	    $(PYTHON) -m pytest t/test_syscall_faults.py -q $(E2E_ARGS)

test: ## run everything: check, unit, e2e
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory e2e

check: build ## rules of the tree: lists, sizes, the border, visible symbols
	@.ci/check $(MODULE) $(RESULTS)

demo: ## install what is missing, build, stream one answer through nginx
	@.ci/deps --build-only
	@$(MAKE) --no-print-directory build
	@conf/demo/run $(MODULE)

# --- fuzz: clang's libFuzzer on the core -----------------------------------

FUZZ_CXX     ?= clang++-14
FUZZ_SECONDS ?= 30
FUZZ_DIR     := $(BUILD)/fuzz
FUZZ_FLAGS   := -O1 -g -fsanitize=fuzzer-no-link,address,undefined \
                -fno-sanitize-recover=undefined
FUZZ_TESTS   := $(patsubst tests/fuzz/%.cpp,$(FUZZ_DIR)/%, \
                  $(sort $(wildcard tests/fuzz/*_fuzz.cpp)))
FUZZ_CORE    := $(patsubst %.cpp,$(FUZZ_DIR)/%.o,$(CORE_SRCS))

$(FUZZ_DIR)/%.o: %.cpp Makefile
	@mkdir -p $(@D)
	$(FUZZ_CXX) $(CXXSTD) $(FUZZ_FLAGS) -MMD -MP -Iinclude -Isrc/core -Itests \
	    -c $< -o $@

$(FUZZ_DIR)/%_fuzz: $(FUZZ_DIR)/tests/fuzz/%_fuzz.o $(FUZZ_CORE)
	$(FUZZ_CXX) $(FUZZ_FLAGS) -fsanitize=fuzzer $^ -o $@ -lyajl -lcrypto

-include $(FUZZ_CORE:.o=.d)
.SECONDARY: $(patsubst $(FUZZ_DIR)/%,$(FUZZ_DIR)/tests/fuzz/%.o,$(FUZZ_TESTS))

fuzz: ## fuzz the core with clang, FUZZ_SECONDS=30 for each fuzzer
	@command -v $(FUZZ_CXX) > /dev/null || .ci/deps --build-only clang-14
	@$(MAKE) --no-print-directory -j$(JOBS) $(FUZZ_TESTS)
	@for test in $(FUZZ_TESTS); do \
	    mkdir -p $$test.corpus; \
	    $$test -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -timeout=10 \
	        -print_final_stats=1 -artifact_prefix=$$test. $$test.corpus \
	        $(wildcard tests/fuzz/corpus); \
	done

# --- sanitize: the module linked into an nginx with ASan and UBSan ---------

SAN_FLAGS := -fsanitize=address,undefined -fno-omit-frame-pointer \
             -fno-sanitize=alignment,nonnull-attribute \
             -fno-sanitize-recover=undefined
SAN_CC    := -O1 -g $(SAN_FLAGS) -DNGX_DEBUG_PALLOC=1 -DNGX_SUPPRESS_WARN=1 \
             -DNGX_HAVE_NONALIGNED=0
SAN_DIR   := $(BUILD)/sanitize
SAN_ENV   := ASAN_OPTIONS=detect_odr_violation=0:detect_leaks=0 \
             UBSAN_OPTIONS=print_stacktrace=1
# nginx-dev has no C files, so Debian's own source is fetched.
SAN_SRC   ?= $(if $(wildcard $(NGX_SRC)/src/core/nginx.c),$(NGX_SRC),$(BUILD)/debian/nginx)

$(BUILD)/debian/nginx:
	.ci/nginx-source $@

$(SAN_DIR)/configured: $(SAN_SRC) config $(CORE_SRCS) $(GLUE_SRCS)
	@.ci/sources
	.ci/configure "$(SAN_SRC)" $(SAN_DIR)/tree "$(SAN_CC)" "$(SAN_FLAGS)" \
	    --prefix=$(abspath $(SAN_DIR))/prefix --add-module=$(CURDIR) \
	    $(NGX_FLAGS)
	@mkdir -p $(SAN_DIR)/prefix/logs
	@touch $@

$(SAN_DIR)/nginx: $(SAN_DIR)/configured $(HEADERS)
	@$(MAKE) --no-print-directory -C $(SAN_DIR)/tree -f objs/Makefile \
	    -j$(JOBS) binary
	@cp $(SAN_DIR)/tree/objs/nginx $@.new
	@mv $@.new $@

sanitize: $(PACKAGES) ## run unit tests and t/ under ASan and UBSan
	@$(SAN_ENV) $(MAKE) --no-print-directory unit \
	    UNIT_OPT="-O1 -g $(SAN_FLAGS)" UNIT_DIR=$(SAN_DIR)/unit \
	    RESULTS=$(SAN_DIR)/results
	@$(MAKE) --no-print-directory $(SAN_DIR)/nginx
	@mkdir -p $(SAN_DIR)/results
	$(SAN_ENV) OPENDIFY_NGINX=$(abspath $(SAN_DIR)/nginx) OPENDIFY_MODULE= \
	    $(PYTEST) --junitxml=$(SAN_DIR)/results/e2e.xml $(E2E_ARGS)

# --- bench: what it costs beside plain proxy_pass --------------------------

BENCH_DIR := $(BUILD)/bench
BENCH_MAP := $(BENCH_DIR)/tests/bench/map.o $(BENCH_DIR)/src/core/state/sha256.o \
             $(patsubst %.cpp,$(BENCH_DIR)/%.o, \
                 $(wildcard src/core/state/conversation_*.cpp) \
                 src/core/state/erasures.cpp)

$(BENCH_DIR)/%.o: %.cpp Makefile
	@mkdir -p $(@D)
	$(CXX) $(CXXSTD) -O2 -g -MMD -MP -Iinclude -Isrc/core -c $< -o $@

$(BENCH_DIR)/upstream $(BENCH_DIR)/load: $(BENCH_DIR)/%: \
    $(BENCH_DIR)/tests/bench/%.o
	$(CXX) $^ -o $@ -lssl -lcrypto

$(BENCH_DIR)/map: $(BENCH_MAP)
	$(CXX) $^ -o $@ -lcrypto

-include $(BENCH_MAP:.o=.d) $(BENCH_DIR)/tests/bench/upstream.d \
    $(BENCH_DIR)/tests/bench/load.d

bench-programs: $(BENCH_DIR)/upstream $(BENCH_DIR)/load $(BENCH_DIR)/map

bench: build ## compare with plain proxy_pass (BENCH_ROUNDS=5 BENCH_ONLY=a,b)
	@$(MAKE) --no-print-directory -s -j$(JOBS) bench-programs
	@OPENDIFY_MODULE=$(abspath $(MODULE)) python3 tests/bench/run.py \
	    $(BENCH_DIR)

# --- the rest --------------------------------------------------------------

VERSION := $(shell sed -n 's/^\#\# \([0-9][0-9.]*\).*/\1/p' CHANGELOG.md 2> /dev/null | head -n 1)

dist: ## make build/opendify-VERSION.tar.gz of what is committed
	@mkdir -p $(BUILD)
	git archive --prefix=opendify-$(VERSION)/ \
	    -o $(BUILD)/opendify-$(VERSION).tar.gz HEAD
	@echo "made $(BUILD)/opendify-$(VERSION).tar.gz"

clean: ## remove build/
	rm -rf $(BUILD)
