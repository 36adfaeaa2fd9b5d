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

.PHONY: help deps build unit e2e test check demo fuzz sanitize clean dist FORCE

help: ## show this list
	@grep -hE '^[a-z0-9]+:.*## ' $(firstword $(MAKEFILE_LIST)) \
	    | awk -F ':.*## ' '{ printf "  make %-9s %s\n", $$1, $$2 }'

deps: ## install Debian's packages and the Python packages of the tests
	@.ci/deps

# --- module ----------------------------------------------------------------

CORE_SRCS := $(sort $(wildcard src/core/*/*.cpp))
GLUE_SRCS := $(sort $(wildcard src/nginx/*.cpp))
HEADERS   := $(sort $(wildcard include/opendify/*.hpp src/core/*/*.hpp \
                               src/nginx/*.hpp))

# What was configured: another nginx, other flags or another list of files
# are a reason to configure anew.
CONFIGURED := $(NGX_SRC) $(NGX_FLAGS) $(CC_OPT) $(LD_OPT) \
              $(CORE_SRCS) $(GLUE_SRCS) $(HEADERS)

build: $(MODULE) ## build the module for the installed nginx, or NGX_SRC=/path

$(BUILD)/nginx/configured: FORCE
	@mkdir -p $(BUILD)/nginx
	@[ -f $@ ] && [ ! config -nt $@ ] \
	    && [ "$$(cat $@)" = "$(strip $(CONFIGURED))" ] && exit 0; \
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

# --- end to end ------------------------------------------------------------

$(PYTHON): $(wildcard t/requirements.txt)
	@.ci/deps

e2e: $(PYTHON) build ## run t/ against a real nginx (E2E_ARGS='-k name')
	@rm -f $(RESULTS)/e2e.xml; mkdir -p $(RESULTS)
	OPENDIFY_MODULE=$(abspath $(MODULE)) $(PYTHON) -m pytest t \
	    --junitxml=$(RESULTS)/e2e.xml $(E2E_ARGS)

test: ## run everything: check, unit, e2e
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory e2e

check: build ## rules of the tree: lists, sizes, the border, visible symbols
	@.ci/check $(MODULE)

clean: ## remove build/
	rm -rf $(BUILD)
