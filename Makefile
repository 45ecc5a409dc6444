# SPDX-License-Identifier: LGPL-2.1-or-later
#
#   make            libnst and the nst program, in build/
#   make demo       everything, from the packages to a painted clip   [IN=clip STYLE=name OUT=painted.mp4]
#   make gallery    pictures in every style on one page, build/gallery/index.html   [PHOTOS=dir]
#   make check      every test
#   make check-ffmpeg  the filter in every FFmpeg release that there is a patch for
#   make bench      speed beside other engines, in build/bench.json and .svg   [BENCH="fast-360 training"]
#   make bench-temporal  what smoothing over time does and costs, in build/temporal.json   [BENCH="fox cut"]
#   make install    [DESTDIR= prefix=]
#   make ffmpeg     build/bin/ffmpeg with the filter                   [FFMPEG_SRC=dir FFMPEG_VERSION=7.1]
#   make frei0r     build/frei0r/nst.so, the plugin; part of `make` where frei0r.h is there
#   make dist       a source archive
#   make clean      removes what was built, less FFmpeg and the settings
#
# Settings come from configure, which runs by itself with its defaults. To choose: ./configure --help. In the source folder
# everything is made in build/; configure called from any other folder makes that one a build folder.

SRC ?= .
BUILD ?= build

all:

ifneq ($(MAKECMDGOALS),clean)
include $(BUILD)/config.mk
endif

# -- setting up ----------------------------------------------------------------------------------------------------

# Only these may install packages.
needs_packages := $(filter demo gallery check check-ffmpeg bench bench-temporal,$(MAKECMDGOALS))

$(BUILD)/config.mk: $(SRC)/configure | $(if $(needs_packages),packages)
	@mkdir -p $(BUILD)
	@cd $(BUILD) && $(abspath $(SRC))/configure $(CONFIGURE_ARGS)

$(BUILD)/config.h: $(BUILD)/config.mk ;

packages:
	@$(SRC)/scripts/packages

.PHONY: all lib tools programs frei0r ffmpeg demo gallery bench bench-temporal check check-ffmpeg check-here
.PHONY: test-programs install clean dist packages
.DELETE_ON_ERROR:
.PRECIOUS: $(BUILD)/obj/tests/%.o $(BUILD)/obj/bench/%.o

# -- sources -------------------------------------------------------------------------------------------------------

sources = $(patsubst $(SRC)/%,%,$(wildcard $(addprefix $(SRC)/,$(1))))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(call sources,$(1)))

LIB_OBJECTS   := $(call objects,model/*.c model/kernels/*.c)
TOOL_OBJECTS  := $(call objects,tools/*.c tools/import/*.c)
IMPORT_OBJECTS := $(call objects,tools/import/*.c)
TEST_SOURCES  := $(filter-out $(if $(WITH_FREI0R),,tests/test_frei0r.c),$(call sources,tests/test_*.c))
TEST_PROGRAMS := $(TEST_SOURCES:%.c=$(BUILD)/%)
TEST_HELPERS  := $(patsubst %.c,$(BUILD)/%,$(call sources,tests/tools/*.c))
TEST_COMMON   := $(filter-out $(BUILD)/obj/tests/test_%,$(call objects,tests/*.c))
TEST_SCRIPTS  := $(call sources,tests/*.sh)
MANUALS       := $(call sources,doc/*.1)
WEIGHTS       := $(call sources,weights/*.nsw)

SONAME  = libnst.so.$(firstword $(subst ., ,$(VERSION)))
STATIC  = $(BUILD)/lib/libnst.a
WHOLE   = $(BUILD)/obj/libnst.a
SHARED  = $(BUILD)/lib/libnst.so.$(VERSION)
NST     = $(BUILD)/bin/nst
FREI0R  = $(BUILD)/frei0r/nst.so
KDENLIVE = $(BUILD)/frei0r/frei0r_nst.xml

# -- compiling -----------------------------------------------------------------------------------------------------

CPPFLAGS_ALL = -I$(SRC)/include -I$(SRC)/model -I$(BUILD) $(CPPFLAGS)
COMPILE = @echo "  CC      $(patsubst $(BUILD)/%,%,$@)"; mkdir -p $(@D); \
          $(CC) $(CPPFLAGS_ALL) $(CONFIG_CFLAGS) $(OPENMP) -MMD -MP

$(BUILD)/obj/model/%.o: $(SRC)/model/%.c $(BUILD)/config.h
	$(COMPILE) $(FAST) -fPIC -fvisibility=hidden $(DATADIR_DEFINE) $(CJSON_CFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/obj/tools/%.o: $(SRC)/tools/%.c $(BUILD)/config.h
	$(COMPILE) $(NORMAL) -I$(SRC)/tools $(CJSON_CFLAGS) $(TOOLS_CFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/obj/tools/mpirun.o: TOOLS_CFLAGS += $(MPI_CFLAGS)

$(BUILD)/obj/frei0r/%.o: $(SRC)/frei0r/%.c $(BUILD)/config.h
	$(COMPILE) $(NORMAL) -pthread -fPIC -fvisibility=hidden $(CFLAGS) -c -o $@ $<

$(BUILD)/obj/tests/%.o: $(SRC)/tests/%.c $(BUILD)/config.h
	$(COMPILE) $(NORMAL) -I$(SRC)/tests $(CJSON_CFLAGS) $(TESTS_CFLAGS) $(CFLAGS) -c -o $@ $<

# The folder where installed styles lie is compiled in; `make install prefix=` may change it.
DATADIR_DEFINE = -DNST_DATADIR='"$(datadir)/nst"'
DATADIR_USERS := $(shell grep -ls NST_DATADIR $(SRC)/model/*.c)
$(DATADIR_USERS:$(SRC)/%.c=$(BUILD)/obj/%.o): $(BUILD)/datadir

$(BUILD)/datadir: FORCE
	@mkdir -p $(@D); echo '$(datadir)' | cmp -s - $@ || echo '$(datadir)' >$@
FORCE:

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

# -- linking -------------------------------------------------------------------------------------------------------

LINK = @echo "  LINK    $(patsubst $(BUILD)/%,%,$@)"; mkdir -p $(@D); $(CC) $(LDFLAGS)
LIB_LIBS = $(CJSON_LIBS) $(filter -fopenmp,$(OPENMP)) -lm

# The programs of this project see the internals too.
$(WHOLE): $(LIB_OBJECTS)
	@echo "  AR      $(patsubst $(BUILD)/%,%,$@)"; mkdir -p $(@D); rm -f $@; $(AR) rcs $@ $^

# Others do not: the names of internals become local, or they would meet those of the program that links the archive.
$(STATIC): $(LIB_OBJECTS)
	@echo "  AR      $(patsubst $(BUILD)/%,%,$@)"; mkdir -p $(@D); rm -f $@
	@$(CC) -r -nostdlib -o $(BUILD)/obj/nst.o $^
	@$$($(CC) -print-prog-name=objcopy) --localize-hidden $(BUILD)/obj/nst.o
	@$(AR) rcs $@ $(BUILD)/obj/nst.o

$(SHARED): $(LIB_OBJECTS)
	$(LINK) -shared -Wl,-soname,$(SONAME) -o $@ $^ $(LIB_LIBS)
	@ln -sf $(@F) $(@D)/$(SONAME); ln -sf $(SONAME) $(@D)/libnst.so

$(NST): $(TOOL_OBJECTS) $(WHOLE)
	$(LINK) -o $@ $^ $(TOOLS_LIBS) $(MPI_LIBS) $(LIB_LIBS)

# A host may hold other plugins with a libnst of their own: only frei0r's functions are seen from outside.
$(FREI0R): $(BUILD)/obj/frei0r/nst.o $(WHOLE)
	$(LINK) -shared -pthread -Wl,--exclude-libs,ALL -o $@ $^ $(LIB_LIBS)

# Kdenlive's description of the plugin lists the styles.
$(KDENLIVE): $(SRC)/frei0r/frei0r_nst.xml.in $(WEIGHTS:%=$(SRC)/%)
	@mkdir -p $(@D); styles=$$(grep -al '"nst.kind":"style"' $(filter %.nsw,$^) | sed 's|.*/||; s|\.nsw$$||' | \
	    paste -sd';'); sed "s/@styles@/$$styles/" $< >$@

# What several tests share; each takes what it needs.
$(BUILD)/lib/libtests.a: $(TEST_COMMON)
	@mkdir -p $(@D); rm -f $@; $(AR) rcs $@ $^

$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(BUILD)/lib/libtests.a $(WHOLE)
	$(LINK) -o $@ $(filter-out %.a,$^) $(filter %.a,$^) $(TESTS_LIBS) $(LIB_LIBS)

# Parts of the program that have tests of their own
ifeq ($(WITH_TOOLS),yes)
$(BUILD)/tests/test_train_curves: $(addprefix $(BUILD)/obj/tools/,train_curves.o chart.o)
$(BUILD)/tests/test_train_time: $(BUILD)/obj/tools/train_time.o
$(BUILD)/obj/tests/test_train_curves.o $(BUILD)/obj/tests/test_train_time.o: TESTS_CFLAGS += -I$(SRC)/tools
# The readers of nst convert, with their libraries
$(BUILD)/obj/tests/test_import.o: TESTS_CFLAGS += -I$(SRC)/tools $(TOOLS_CFLAGS)
$(BUILD)/tests/test_import: $(IMPORT_OBJECTS)
$(BUILD)/tests/test_import: TESTS_LIBS += $(TOOLS_LIBS)
else
TEST_PROGRAMS := $(filter-out %/test_import %/test_train_curves %/test_train_time,$(TEST_PROGRAMS))
endif

$(BUILD)/obj/bench/%.o: $(SRC)/bench/%.c $(BUILD)/config.h
	$(COMPILE) $(NORMAL) -I$(SRC)/tools $(CJSON_CFLAGS) $(TOOLS_CFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(WHOLE)
	$(LINK) -o $@ $^ $(BENCH_LIBS) $(LIB_LIBS)

# Only training uses OpenBLAS.
$(BUILD)/bench/train_worker: $(BUILD)/obj/tools/blas.o
$(BUILD)/bench/train_worker $(BUILD)/bench/vectors_worker: BENCH_LIBS = $(TOOLS_LIBS)

$(BUILD)/bench/%.so: $(SRC)/bench/%.c $(BUILD)/config.h
	$(LINK) $(CONFIG_CFLAGS) $(NORMAL) -fPIC -shared -o $@ $<

lib: $(STATIC) $(if $(SANITIZER),,$(SHARED))
tools: $(if $(filter yes,$(WITH_TOOLS)),$(if $(TOOL_OBJECTS),$(NST)))
frei0r: $(KDENLIVE) $(if $(WITH_FREI0R),$(FREI0R),$(BUILD)/needs-frei0r.h)
SAMPLE_PROGRAMS = $(addprefix $(BUILD)/samples/,motion scene)
test-programs: $(if $(filter yes,$(WITH_TESTS)),$(TEST_PROGRAMS) $(TEST_HELPERS) $(SAMPLE_PROGRAMS))
all: lib tools $(if $(WITH_FREI0R),frei0r)

$(BUILD)/needs-frei0r.h:
	@echo "make frei0r: configure found no frei0r.h (Debian: frei0r-plugins-dev)" >&2; false

$(BUILD)/samples/%: $(SRC)/samples/%.c $(BUILD)/config.h
	$(LINK) $(CONFIG_CFLAGS) $(OPENMP) $(NORMAL) $(CFLAGS) -o $@ $< -lm

# -- installing ----------------------------------------------------------------------------------------------------

install: all
	install -d $(DESTDIR)$(libdir)/pkgconfig $(DESTDIR)$(includedir)/nst $(DESTDIR)$(datadir)/nst
	install -m 644 $(STATIC) $(SHARED) $(DESTDIR)$(libdir)
	ln -sf $(notdir $(SHARED)) $(DESTDIR)$(libdir)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(libdir)/libnst.so
	install -m 644 $(SRC)/include/nst/*.h $(DESTDIR)$(includedir)/nst
	sed -e 's|@prefix@|$(prefix)|; s|@libdir@|$(libdir)|; s|@includedir@|$(includedir)|' -e 's|@version@|$(VERSION)|' \
	    -e 's|@openmp@|$(filter -fopenmp,$(OPENMP))|' $(SRC)/nst.pc.in >$(DESTDIR)$(libdir)/pkgconfig/nst.pc
	$(if $(WEIGHTS),install -m 644 $(WEIGHTS:%=$(SRC)/%) $(DESTDIR)$(datadir)/nst)
	$(if $(MANUALS),install -d $(DESTDIR)$(mandir)/man1 && install -m 644 $(MANUALS:%=$(SRC)/%) $(DESTDIR)$(mandir)/man1)
	$(if $(WITH_FREI0R),install -D -m 644 $(FREI0R) $(DESTDIR)$(libdir)/frei0r-1/nst.so && \
	    install -D -m 644 $(KDENLIVE) $(DESTDIR)$(datadir)/kdenlive/effects/frei0r_nst.xml)
	$(if $(filter yes,$(WITH_TOOLS)),install -d $(DESTDIR)$(bindir) && install $(NST) $(DESTDIR)$(bindir))

# -- FFmpeg with the filter, demo, tests ---------------------------------------------------------------------------

FFMPEG_VERSION ?= 7.1
FFMPEG = $(BUILD)/bin/ffmpeg

ffmpeg: lib | $(if $(needs_packages),packages)
	@$(SRC)/scripts/build-ffmpeg '$(BUILD)' '$(FFMPEG_VERSION)' '$(FFMPEG_SRC)'
	@mkdir -p $(BUILD)/bin; for program in ffmpeg ffprobe; do \
	    cmp -s $(BUILD)/ffmpeg-$(FFMPEG_VERSION)/$$program $(BUILD)/bin/$$program || \
	    cp $(BUILD)/ffmpeg-$(FFMPEG_VERSION)/$$program $(BUILD)/bin/$$program; done

STYLE ?= starry
demo: tools ffmpeg $(BUILD)/samples/scene | packages
	@$(SRC)/scripts/demo '$(BUILD)' '$(STYLE)' '$(IN)' '$(OUT)'

# Without PHOTOS: the demo's scene, the clip of ../shared where that is, and photos from a package of Debian's where it
# can be had.
PHOTOS ?=
gallery: tools ffmpeg $(BUILD)/samples/scene | packages
	@[ -n '$(PHOTOS)' ] || [ -d '$(BUILD)/unseen/lomiri-wallpapers' ] || \
	    $(SRC)/scripts/fetch-debian '$(abspath $(BUILD))/unseen' bookworm lomiri-wallpapers || echo 'no photos: painted without'
	@$(SRC)/scripts/gallery '$(BUILD)' '$(PHOTOS)'

# Cases of bench/bench.py; none: all of them.
BENCH ?=
BENCH_PROGRAMS = $(addprefix $(BUILD)/bench/,worker train_worker $(if $(filter x86_64,$(shell uname -m)),only_avx2.so))
bench: tools ffmpeg $(BUILD)/samples/scene $(BENCH_PROGRAMS) | packages
	@$(SRC)/scripts/bench '$(BUILD)' $(BENCH)

# Cases of bench/temporal.py; none: all of them.
bench-temporal: tools ffmpeg $(BUILD)/samples/motion $(BUILD)/bench/flow_worker $(BUILD)/bench/vectors_worker | packages
	@$(SRC)/scripts/bench-temporal '$(BUILD)' $(BENCH)

# The tests of this build folder alone: CHECK="test_graph cli.sh" picks some.
CHECK ?= $(notdir $(if $(filter yes,$(WITH_TESTS)),$(TEST_PROGRAMS)) $(TEST_SCRIPTS))
check-here: all test-programs
	@$(SRC)/scripts/run-tests '$(BUILD)' $(CHECK)

check: all test-programs ffmpeg | packages
	@$(SRC)/scripts/check '$(BUILD)' $(CHECK)

# The filter in each FFmpeg release: VERSIONS="8.1 9.0" picks some.
VERSIONS ?= $(patsubst $(SRC)/libavfilter_patch/%.patch,%,$(wildcard $(SRC)/libavfilter_patch/*.patch))
check-ffmpeg: all test-programs | packages
	@$(SRC)/scripts/check-ffmpeg '$(BUILD)' '$(FFMPEG_VERSION)' $(VERSIONS)

# -- the rest ------------------------------------------------------------------------------------------------------

dist: NAME = nst-$(VERSION)
dist:
	git -C $(SRC) archive --prefix=$(NAME)/ HEAD | xz >$(BUILD)/$(NAME).tar.xz
	@echo $(BUILD)/$(NAME).tar.xz

clean:
	rm -rf $(addprefix $(BUILD)/,obj lib bin frei0r tests bench samples gallery unseen asan clang tsan datadir scene.mp4)
