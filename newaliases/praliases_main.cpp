// newaliases/praliases_main.cpp - list aliases. See praliases(8).
#include <sysexits.h>

#include <cstdlib>

#include "lib/base/main.h"
#include "lib/base/text.h"
#include "lib/store/aliases.h"
#include "newaliases/options.h"

namespace {

using base::cat;
using base::Result;
using newaliases::Options;

void print_alias(std::string_view name, std::string_view targets) {
  base::print(cat(store::quoted(name), ":", targets, "\n"));
}

Result<> print_all(const store::Aliases& aliases) {
  for (std::uint64_t position = 0;;) {
    TRY_LET(entry, aliases.next(position));
    if (!entry) return {};
    print_alias(entry->first, entry->second);
  }
}

Result<int> print_named(const store::Aliases& aliases, const std::vector<std::string>& names) {
  int status = EX_OK;
  for (const auto& name : names) {
    TRY_LET(targets, aliases.text_of(name));
    if (targets) {
      print_alias(base::lowered(store::unquoted(name)), *targets);
    } else {
      base::complain(cat(name, ": no such alias"));
      status = EX_NOUSER;
    }
  }
  return status;
}

Result<int> work(const Options& options) {
  const auto who = base::identity();
  const auto place = store::find_place(who, options.config, std::getenv("POSTBAG_CONFIG"));
  if (!place.remark.empty()) base::complain(place.remark);
  std::string path = options.file.value_or("");
  if (!options.file) {
    TRY_LET(configured, newaliases::configured_file(place));
    path = std::move(configured);
  }
  TRY_LET(aliases, store::Aliases::open(path, who.uid));
  for (const auto& remark : aliases.remarks()) base::complain(remark);
  if (!options.names.empty()) return print_named(aliases, options.names);
  TRY(print_all(aliases));
  return EX_OK;
}

Result<int> run(base::Args args) {
  TRY_LET(options, newaliases::parse_praliases(args));
  if (options.action == Options::Action::work) return work(options);
  base::print(options.action == Options::Action::help
                  ? std::string(newaliases::praliases_usage())
                  : cat("praliases (postbag) ", POSTBAG_VERSION, "\n"));
  return EX_OK;
}

}  // namespace

int main(int argc, char** argv) { return base::run_main("praliases", argc, argv, run); }
