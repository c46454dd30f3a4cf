# languagebind.h.  `make demo` shows it at work, `make test` proves it, `make` builds the command as build/languagebind.
# Other compilers and flags: make CC=clang CFLAGS="-O3"; without OpenMP: make OMP=; elsewhere: make B=folder.
CC     ?= cc
CFLAGS ?= -O2 -Wall -Wextra -Wpedantic
OMP    ?= $(shell echo 'int main(void){return 0;}' | $(CC) -fopenmp -x c - -o /dev/null 2>/dev/null && echo -fopenmp)
B      ?= build
HOSTCC ?= cc
TESTS    = $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/test_*.c))
SCRIPTS  = $(wildcard tests/test_*.sh)
EXAMPLES = $(patsubst examples/%.c,$(B)/examples/%,$(wildcard examples/*.c))
FUZZERS  = $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/*.c))
JOBS    ?= $(shell nproc 2>/dev/null || echo 1)
SAY      = @mkdir -p $(@D); echo "  cc $@"
COMPILE  = $(CC) -std=c99 $(CFLAGS) $(DEFINE) $(OMP) -I.
BUILD    = $(SAY); $(COMPILE) $< -o $@ -lm $(LDLIBS)
SHARE    = $(SAY); $(COMPILE) -DLB__KERNELS_APART $< $(B)/kernels.o -o $@ -lm $(LDLIBS)

all: $(B)/languagebind                                              ## the command
$(B)/languagebind: tools/languagebind.c $(wildcard tools/*.c tools/*.h) languagebind.h $(B)/clip_bpe.h
	$(BUILD) -DLB_CLIP_BPE='"$(B)/clip_bpe.h"'
$(B)/clip_bpe.h: weights/clip-bpe.lbw tools/array.c                 ## CLIP's vocabulary, compiled into the command
	@mkdir -p $(@D); $(HOSTCC) tools/array.c -o $(B)/array && $(B)/array lb_clip_bpe < $< > $@.tmp && mv $@.tmp $@
$(B)/kernels.o: tests/kernels.c languagebind.h                       ## half of compiling the header, done once for all the programs below
	$(SAY); $(COMPILE) -c $< -o $@
$(B)/tests/%: tests/%.c languagebind.h $(wildcard tests/*.h tools/*.c tools/*.h) $(B)/kernels.o    ## every program is one .c file and the header
	$(SHARE)
$(B)/null_calls.h: tests/null_calls.awk languagebind.h
	@mkdir -p $(@D); awk -f $< languagebind.h > $@.tmp && mv $@.tmp $@
$(B)/tests/test_null: $(B)/null_calls.h
$(B)/tests/test_null: DEFINE = -DLB_NULL_CALLS='"$(B)/null_calls.h"'
$(B)/examples/%: examples/%.c languagebind.h $(B)/kernels.o         ## with LB_STATIC, so that only what it calls is compiled
	$(SHARE) -DLB_STATIC

$(B)/demo.lbw: $(B)/languagebind $(wildcard tests/golden/ckpt_demo/*)   ## the demo's model, converted
	@$(B)/languagebind convert tests/golden/ckpt_demo -o $@
$(B)/agree: tests/agree.c languagebind.h tests/golden.h $(B)/kernels.o
	$(SHARE)
PHOTOS = examples/photos/cat.jpg examples/photos/coffee.jpg
CAPTIONS = "a photo of a cat" "a cup of coffee on a wooden table" "Two cafés &amp; one tête-à-tête 😀" ""
MODEL = weights/languagebind-tiny.lbw
demo: $(B)/demo.lbw $(B)/agree                                      ## a trained model on held-out samples of six modalities; then agreement with open_clip's vectors
	@sh examples/demo/demo.sh $(B)/languagebind $(MODEL) $(B)
	@echo; echo "A checkpoint of open_clip's, converted: its vectors against the reference's own"
	@$(B)/languagebind embed -m $(B)/demo.lbw --image $(PHOTOS) --text $(CAPTIONS) -o $(B)/demo.npy
	@$(B)/agree $(B)/demo.npy demo image text

tests: $(TESTS) $(EXAMPLES) $(B)/languagebind $(B)/demo.lbw $(B)/agree         ## build everything that `make test` runs
test: tests                                                         ## run every test
	@B=$(B) JOBS=$(JOBS) sh tests/run.sh $(SCRIPTS) $(TESTS)

test-units: $(TESTS)                                                ## only the test programs, without the command and the examples
	@B=$(B) JOBS=$(JOBS) sh tests/run.sh $(TESTS)
test-commands: $(B)/languagebind $(B)/demo.lbw $(B)/agree           ## only the scripts that run the command
	@B=$(B) JOBS=$(JOBS) sh tests/run.sh $(filter-out %/test_examples.sh,$(SCRIPTS))
KERNEL_TESTS = $(filter-out %/test_emulated %/test_checkpoint %/test_data %/test_hostile %/test_json %/test_npy,$(TESTS))
test-isa: $(KERNEL_TESTS) $(B)/languagebind                          ## the tests that compute again, under each kernel set of this processor
	@B=$(B) JOBS=$(JOBS) sh tests/isa.sh $(KERNEL_TESTS)
GOAL    ?= test
test-sanitize:                                                      ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) B=build/sanitize OMP= CFLAGS="-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer" $(GOAL)
test-portable:                                                      ## compilers, standards and switches; -m32 and four other processors under qemu-user
	@sh tests/matrix.sh
	@sh tests/cross.sh

FUZZ_CC   ?= clang
FUZZ_TIME ?= 60
FUZZ_COMPILE = $(FUZZ_CC) -g -O1 -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined -I.
build/fuzz/kernels.o: tests/kernels.c languagebind.h
	$(SAY); $(FUZZ_COMPILE) -c $< -o $@
build/fuzz/%: tests/fuzz/%.c languagebind.h build/fuzz/kernels.o $(wildcard tests/fuzz/*.h)
	$(SAY); $(FUZZ_COMPILE) -fsanitize=fuzzer -DLB__KERNELS_APART $< build/fuzz/kernels.o -o $@ -lm
fuzzers: $(FUZZERS)                                                 ## build the fuzz targets (needs clang)
fuzz: fuzzers                                                       ## run each for FUZZ_TIME seconds, two at a time
	@FUZZ_TIME=$(FUZZ_TIME) sh tests/fuzz/run.sh $(FUZZERS)

experiments: $(B)/languagebind $(B)/examples/tie_images             ## the paper's experiments in miniature, after `make weights`
	@LANGUAGEBIND=$(B)/languagebind WORK=$(B)/weights sh tools/experiments.sh
weights-metrics: $(B)/languagebind                                  ## every figure of weights/README.md
	@LANGUAGEBIND=$(B)/languagebind WORK=$(B)/weights sh tools/weights_metrics.sh
weights-seeds: $(B)/languagebind                                    ## how much of them is chance: depth, infrared and video bound again with other seeds
	@LANGUAGEBIND=$(B)/languagebind WORK=$(B)/weights sh tools/weights_seeds.sh
weights: $(B)/languagebind                                          ## train weights/languagebind-tiny.lbw from nothing (100 minutes on two cores)
	@LANGUAGEBIND=$(B)/languagebind WORK=$(B)/weights sh tools/weights.sh

clean:                                                              ## remove build/
	rm -rf build

.PHONY: experiments weights-metrics weights-seeds weights all demo tests test test-units test-commands test-isa test-sanitize test-portable fuzzers fuzz clean
