# postbag: `make help` lists the targets. No configure step; everything built lies under build/VARIANT.

VARIANT ?= release
B := build/$(VARIANT)
VERSION := $(shell cat VERSION)
PREFIX ?= /usr

CXX ?= g++
PKG_CONFIG ?= pkg-config
# Third-party headers are system headers: their warnings are not ours.
system_includes = $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags $(1) 2>/dev/null))

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wimplicit-fallthrough=5 -Wformat=2 -Wnon-virtual-dtor -Wold-style-cast
ifdef CI
WARNINGS += -Werror
endif
HARDENING := -D_GLIBCXX_ASSERTIONS -fstack-protector-strong -fPIE
CXXFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2
CXXFLAGS_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CXXFLAGS_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -DNDEBUG
library_includes := $(call system_includes,libcurl openssl inih gmime-3.0)
CXXFLAGS_ALL = -std=c++20 $(CXXFLAGS_$(VARIANT)) $(HARDENING) $(WARNINGS) -MMD -MP -I. \
  -DPOSTBAG_VERSION='"$(VERSION)"' $(library_includes) $(CXXFLAGS_ROOM) $(CXXFLAGS)
LDFLAGS_release := -pie -Wl,-z,relro,-z,now -static-libstdc++ -static-libgcc
LDFLAGS_asan := -pie -fsanitize=address,undefined
LDFLAGS_ALL = $(LDFLAGS_$(VARIANT)) $(LDFLAGS)

# `make V=1` shows whole commands.
Q := $(if $(V),,@)
say = @printf '  %-5s %s\n' $(1) $@

sources = $(sort $(wildcard $(1)/*.cpp))
objects = $(patsubst %.cpp,$(B)/obj/%.o,$(1))

lib_objects := $(call objects,$(foreach folder,lib/base lib/rfc lib/store,$(call sources,$(folder))))
sendmail_objects := $(call objects,$(call sources,sendmail))
mailq_objects := $(call objects,$(call sources,mailq))
spool_objects := $(call objects,$(call sources,spool))
newaliases_objects := $(filter-out %/praliases_main.o,$(call objects,$(call sources,newaliases)))
praliases_objects := $(filter-out %/main.o,$(call objects,$(call sources,newaliases)))
mime_objects := $(call objects,mail/mime_main.cpp mail/mime_server.cpp mail/mime_wire.cpp)
mail_objects := $(filter-out %/mime_main.o %/mime_server.o,$(call objects,$(call sources,mail)))
unit_objects := $(call objects,$(shell find tests/unit -name '*.cpp' | sort))
without_main = $(filter-out %/main.o %/praliases_main.o %/mime_main.o,$(1))

programs := $(addprefix $(B)/bin/,sendmail mailq newaliases praliases postbag-flush mail postbag-mime)
# Archives, not shared libraries: all but the flush start in a millisecond and link nothing but libc dynamically.
INIH := $(shell $(PKG_CONFIG) --variable=libdir inih 2>/dev/null)/libinih.a
CDB := -l:libcdb.a
READLINE := -l:libreadline.a -l:libtinfo.a
GMIME = $(shell $(PKG_CONFIG) --libs gmime-3.0 2>/dev/null)

.PHONY: all help
all: $(programs)

help:
	@echo 'make [all]        the programs, in $(B)/bin'
	@echo 'make demo         show the main job with a throw-away configuration'
	@echo 'make check        all tests (check-unit check-corpus check-cli check-crash: parts of them)'
	@echo 'make lint         formatting, layers, sizes, man pages, clang-tidy'
	@echo 'make fuzz         run the fuzzers (SECONDS=60 each)'
	@echo 'make bench        speed beside floor programs'
	@echo 'make install      into DESTDIR, below PREFIX=$(PREFIX)'
	@echo 'make clean        remove build/ but what was downloaded'

$(B)/obj/%.o: %.cpp Makefile
	@mkdir -p $(@D)
	$(call say,CXX)
	$(Q)$(CXX) $(CXXFLAGS_ALL) $(CXXFLAGS_PCH) -c $< -o $@

$(B)/lib.a: $(lib_objects)
	$(call say,AR)
	@rm -f $@
	$(Q)ar rcs $@ $^

# One rule shape for every program: its own objects, the library, and what it needs besides.
define program
$(B)/bin/$(1): $(2) $(B)/lib.a
	@mkdir -p $$(@D)
	$$(call say,LINK)
	$(Q)$(CXX) $(LDFLAGS_ALL) $(2) $(B)/lib.a $(3) -o $$@
endef
$(eval $(call program,sendmail,$(sendmail_objects),$(INIH)))
$(eval $(call program,mailq,$(mailq_objects),$(INIH)))
$(eval $(call program,newaliases,$(newaliases_objects),$(INIH) $(CDB)))
$(eval $(call program,praliases,$(praliases_objects),$(INIH) $(CDB)))
$(eval $(call program,postbag-flush,$(spool_objects),$(INIH) $(CDB) -lcurl -lssl -lcrypto))
$(eval $(call program,mail,$(mail_objects),$(INIH) $(READLINE)))
$(eval $(call program,postbag-mime,$(mime_objects),$(GMIME)))

# Where programs look for sendmail, and where its siblings look for each other.
.PHONY: install uninstall
install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/lib $(DESTDIR)$(PREFIX)/bin \
	  $(DESTDIR)$(PREFIX)/libexec/postbag $(foreach n,1 5 8,$(DESTDIR)$(PREFIX)/share/man/man$(n))
	install -m 755 $(B)/bin/sendmail $(DESTDIR)$(PREFIX)/sbin/sendmail
	ln -sf ../sbin/sendmail $(DESTDIR)$(PREFIX)/lib/sendmail
	install -m 755 $(addprefix $(B)/bin/,mailq newaliases praliases mail) $(DESTDIR)$(PREFIX)/bin
	ln -sf mail $(DESTDIR)$(PREFIX)/bin/mailx
	install -m 755 $(addprefix $(B)/bin/,postbag-flush postbag-mime) $(DESTDIR)$(PREFIX)/libexec/postbag
	$(foreach page,$(wildcard man/*.[1-8]),install -m 644 $(page) $(DESTDIR)$(PREFIX)/share/man/man$(lastword $(subst ., ,$(page))) &&) true

uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/,sbin/sendmail lib/sendmail bin/mailq bin/newaliases bin/praliases bin/mail bin/mailx \
	  libexec/postbag/postbag-flush libexec/postbag/postbag-mime)
	rm -f $(foreach page,$(wildcard man/*.[1-8]),$(DESTDIR)$(PREFIX)/share/man/man$(lastword $(subst ., ,$(page)))/$(notdir $(page)))

include tests/tests.mk

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
