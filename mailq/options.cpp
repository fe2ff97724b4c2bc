#include "mailq/options.h"

#include <algorithm>
#include <array>
#include <optional>

#include "lib/base/text.h"

namespace listing {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

constexpr std::string_view long_options[] = {"json", "count",   "format=", "delete",
                                             "hold", "release", "retry",   "requeue",
                                             "show", "config=", "help",    "version"};

struct Word {
  std::string_view name;
  Action action;
};
constexpr std::array<Word, 6> with_ids{{{"delete", Action::remove},
                                        {"hold", Action::hold},
                                        {"release", Action::release},
                                        {"retry", Action::retry},
                                        {"requeue", Action::requeue},
                                        {"show", Action::show}}};

bool takes_ids(Action action) {
  return std::any_of(with_ids.begin(), with_ids.end(),
                     [&](const Word& word) { return word.action == action; });
}

Result<> set_action(Options& options, Action action, std::string_view name) {
  if (options.action != Action::list && options.action != action)
    return Error{Kind::usage, cat("--", name, ": one action at a time")};
  options.action = action;
  return {};
}

/// named: by an option before this one, if any was.
Result<> set_form(std::optional<Form>& named, Form form, std::string_view name) {
  if (named.value_or(form) != form)
    return Error{Kind::usage, cat("--", name, ": one form of the listing at a time")};
  named = form;
  return {};
}

Result<> take_option(Options& options, std::optional<Form>& form, const base::Option& option) {
  if (option.name == "json") return set_form(form, Form::json, option.name);
  if (option.name == "count") return set_form(form, Form::count, option.name);
  if (option.name == "format") {
    if (option.value == "sendmail") return set_form(form, Form::sendmail, option.name);
    if (option.value == "postfix") return set_form(form, Form::postfix, option.name);
    return Error{Kind::usage,
                 cat("--format=", base::printable(option.value), ": neither postfix nor sendmail")};
  }
  if (option.name == "config") options.config = option.value;
  for (const auto& [name, action] : with_ids)
    if (option.name == name) return set_action(options, action, name);
  return {};
}

// Called for help or a version, with whatever else, a program tells it and does nothing.
std::optional<Action> question(const base::CommandLine& line) {
  for (const auto& option : line.options) {
    if (option.name == "help") return Action::help;
    if (option.name == "version") return Action::version;
  }
  return std::nullopt;
}

Result<> check_ids(const Options& options, bool form_named) {
  if (!takes_ids(options.action)) {
    if (options.ids.empty()) return {};
    return Error{Kind::usage, cat(base::printable(options.ids[0]),
                                  ": what shall be done with it? See mailq --help")};
  }
  if (form_named) return Error{Kind::usage, "--json, --count and --format are for a listing only"};
  if (options.ids.empty()) return Error{Kind::usage, "no queue ID given"};
  for (const auto& id : options.ids)
    if (id.starts_with('-'))
      return Error{Kind::usage, cat(base::printable(id), ": options stand before the queue IDs")};
  return {};
}

}  // namespace

Result<Options> parse_options(base::Args args) {
  TRY_LET(line, base::parse_command_line(args, "v", "CA", long_options));
  Options options;
  if (const auto asked = question(line)) {
    options.action = *asked;
    return options;
  }
  std::optional<Form> form;
  for (const auto& option : line.options) TRY(take_option(options, form, option));
  options.form = form.value_or(Form::postfix);
  options.ids = std::move(line.operands);
  TRY(check_ids(options, form.has_value()));
  return options;
}

std::string_view usage() {
  return "usage: mailq [--config FILE] [--format=postfix | --format=sendmail | --json | --count]\n"
         "       mailq [--config FILE] --delete | --hold | --release | --retry | --requeue\n"
         "             ID... | ALL\n"
         "       mailq [--config FILE] --show ID...\n"
         "       mailq --help | --version\n"
         "\n"
         "Lists the mail that waits for delivery, or changes it.\n"
         "  --format   the listing of Postfix (the default) or of Sendmail\n"
         "  --count    the number of messages alone\n"
         "  --json     one JSON object a line, with the keys of Postfix's postqueue -j\n"
         "  --delete   take messages out of the queue; nobody is told\n"
         "  --hold     keep messages without trying to deliver them\n"
         "  --release  end that\n"
         "  --retry    try to deliver them now, whenever their next attempt was due\n"
         "  --requeue  expand their recipients anew, as they were submitted, and try them now\n"
         "  --show     print envelope and message\n"
         "  --config   another postbag.ini\n"
         "ID is the queue ID that the listing shows; ALL means every message.\n";
}

}  // namespace listing
