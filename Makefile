# What people type. Meson does the work; `build/` holds its folder (obj) and the programs as they would be installed.
PREFIX ?= /usr/local
BUILD  := build
OBJ    := $(BUILD)/obj

.PHONY: all run test build install clean bench check sanitize format

all: build

run: build             ## the whole journey, for real
	tools/journey

test:                  ## every test; sets itself up
	tools/install-deps test
	$(MAKE) --no-print-directory build
	tools/run-tests

build: $(OBJ)/build.ninja
	ninja -C $(OBJ) --quiet
	@DESTDIR= meson install -C $(OBJ) --no-rebuild --only-changed --quiet --destdir $(CURDIR)/$(BUILD) >/dev/null

$(OBJ)/build.ninja:
	tools/install-deps build
	meson setup $(OBJ) --buildtype=release -Doptimization=2 >/dev/null

install: build
	meson install -C $(OBJ) --no-rebuild --quiet --destdir $(abspath $(DESTDIR)/$(PREFIX))

check:                 ## what CI checks of the sources alone
	tools/check-layers
	tools/check-limits
	tools/check-format
	tools/lint

bench: build           ## figures beside docker, podman and skopeo: half an hour on a quiet machine
	bench/run
	bench/pull.py
	bench/push.py
	bench/image-ls.py
	bench/logs.py

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf $(BUILD)
