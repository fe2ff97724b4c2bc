// newaliases/main.cpp - check the aliases file and compile it. See newaliases(1).
#include "lib/base/main.h"

#include <sysexits.h>

#include <cstdlib>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/store/alias_database.h"
#include "newaliases/compile.h"
#include "newaliases/options.h"

namespace {

using base::cat;
using base::Result;
using newaliases::Options;

int refuse(const std::string& path, const std::vector<std::string>& mistakes) {
  for (const auto& mistake : mistakes) base::complain(mistake);
  base::complain(cat(path, ": ", mistakes.size(), mistakes.size() == 1 ? " mistake" : " mistakes",
                     "; the database is as before"));
  return EX_DATAERR;
}

Result<int> work(const Options& options) {
  const auto who = base::identity();
  const auto place = store::find_place(who, options.config, std::getenv("POSTBAG_CONFIG"));
  if (!place.remark.empty()) base::complain(place.remark);
  TRY_LET(path, newaliases::configured_file(place));
  TRY_LET(compiled, newaliases::compile(path, base::now));
  if (const auto reason = base::unsafe_path(path, who.uid))
    base::complain(cat("warning: who may write an alias may run a command: ", *reason));
  if (!compiled.mistakes.empty()) return refuse(path, compiled.mistakes);
  base::print(cat(path, ": ", compiled.count.text(), "\n"));
  if (options.verbose) base::print(cat(store::alias_database_path(path), ": written\n"));
  return EX_OK;
}

Result<int> run(base::Args args) {
  TRY_LET(options, newaliases::parse_newaliases(args));
  if (options.action == Options::Action::work) return work(options);
  base::print(options.action == Options::Action::help
                  ? std::string(newaliases::newaliases_usage())
                  : cat("newaliases (postbag) ", POSTBAG_VERSION, "\n"));
  return EX_OK;
}

}  // namespace

int main(int argc, char** argv) { return base::run_main("newaliases", argc, argv, run); }
