# languagebind.h.  `make demo` shows it at work, `make test` proves it, `make` builds the command as build/languagebind.
CC     ?= cc
CFLAGS ?= -O2 -Wall -Wextra -Wpedantic
# OpenMP where the compiler has it; `make OMP=` builds without.
OMP    ?= $(shell echo 'int main(void){return 0;}' | $(CC) -fopenmp -x c - -o /dev/null 2>/dev/null && echo -fopenmp)
TESTS    = $(patsubst tests/%.c,build/tests/%,$(wildcard tests/test_*.c))
SCRIPTS  = $(wildcard tests/test_*.sh)
EXAMPLES = $(patsubst examples/%.c,build/examples/%,$(wildcard examples/*.c))
FUZZERS  = $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/*.c))

all: build/languagebind                                            ## the command

build/languagebind: $(wildcard tools/*.c tools/*.h) languagebind.h
	@mkdir -p $(@D)
	$(CC) -std=c99 $(CFLAGS) $(OMP) -I. tools/languagebind.c -o $@ -lm $(LDLIBS)

build/tests/%: tests/%.c languagebind.h tests/lbt.h tests/golden.h  ## every program is one .c file and the header
	@mkdir -p $(@D)
	$(CC) -std=c99 $(CFLAGS) $(OMP) -I. $< -o $@ -lm $(LDLIBS)

build/examples/%: examples/%.c languagebind.h
	@mkdir -p $(@D)
	$(CC) -std=c99 $(CFLAGS) $(OMP) -I. $< -o $@ -lm $(LDLIBS)

tests: $(TESTS)                                                    ## build the test programs
test: $(TESTS) $(EXAMPLES) build/languagebind                      ## run every test
	@sh tests/run.sh $(TESTS) $(SCRIPTS)

FUZZ_CC   ?= clang
FUZZ_TIME ?= 60
build/fuzz/%: tests/fuzz/%.c languagebind.h
	@mkdir -p $(@D)
	$(FUZZ_CC) -g -O1 -fsanitize=address,undefined,fuzzer -fno-sanitize-recover=undefined -I. $< -o $@ -lm
fuzzers: $(FUZZERS)                                                ## build the fuzz targets (needs clang)

clean:                                                             ## remove build/
	rm -rf build

.PHONY: all tests test fuzzers clean
