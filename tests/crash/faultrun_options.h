// tests/crash/faultrun_options.h - what faultrun was asked to do.
//   --list                       number every counted call in the report
//   --at N                       where: at call N
//   --from N                     at N and all later calls of its name (all counted, with --calls)
//   --point NTH:CALL:GLOB        at the NTH counted CALL whose path fits
//   --times N                    of --point: at this one and the next N - 1 that fit
//   --kill tree|process, --signal SIG, --error ERRNO   before or instead of the call
//   --short BYTES                the call really transfers no more
//   --error-after ERRNO          the call is performed, its caller told otherwise
//   --class state|fallible, --calls A,B        which calls count (state; with --calls every use)
//   --path PREFIX, --stdin, --stdout, --sockets      on what they count (on anything)
//   --all                        besides, calls that have neither path nor descriptor, and execve
//   --report FILE, --timeout SECONDS
#pragma once

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "faultrun_calls.h"

namespace faultrun {

enum class Deed { none, kill_tree, kill_process, error, shorten, error_after, signal };

struct Options {
  std::set<std::string, std::less<>> names;
  std::vector<std::string> paths;
  std::optional<bool> class_fallible;
  bool fallible = false, standard_input = false, standard_output = false, sockets = false;
  bool all = false, list = false;
  long at = 0, from = 0, nth = 0, times = 1;
  std::string point_call, point_path;  // --point: the nth match of both counts as the N of --at
  Deed deed = Deed::none;
  long value = 0;
  double time_limit = 60;
  std::string report;
};

[[noreturn]] inline void refuse(const std::string& why) {
  std::fprintf(stderr, "faultrun: %s\n", why.c_str());
  std::exit(125);
}

inline long number(const std::string& text) {
  char* end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || value < 0) refuse(text + ": not a number");
  return value;
}

inline long named(const char* (*name_of)(int), const std::string& name) {
  for (int i = 1; i < 200; ++i) {
    const char* known = name_of(i);
    if (known != nullptr && name == known) return i;
  }
  refuse(name + ": unknown name");
}

inline void add_path(Options& o, const std::string& path) {
  std::error_code ignored;
  o.paths.push_back(path);
  const std::string real = std::filesystem::weakly_canonical(path, ignored);
  if (!ignored && real != path) o.paths.push_back(real);
}

inline void add_names(Options& o, const std::string& list) {
  for (size_t start = 0; start <= list.size();) {
    const size_t end = std::min(list.find(',', start), list.size());
    const std::string name = list.substr(start, end - start);
    if (std::none_of(std::begin(calls), std::end(calls),
                     [&](const Call& call) { return name == call.name; })) {
      refuse(name + ": unknown call");
    }
    o.names.insert(name);
    start = end + 1;
  }
}

inline void set_point(Options& o, const std::string& text) {
  const size_t first = text.find(':');
  const size_t second = first == text.npos ? first : text.find(':', first + 1);
  if (second == text.npos) refuse("--point wants NTH:CALL:GLOB");
  o.nth = number(text.substr(0, first));
  o.point_call = text.substr(first + 1, second - first - 1);
  o.point_path = text.substr(second + 1);
}

inline void set_deed(Options& o, Deed deed, long value) {
  o.deed = deed;
  o.value = value;
}

struct Option {
  const char* name;
  bool takes_value;
  void (*set)(Options&, const std::string&);
};

constexpr Option options[] = {
    {"--at", true, [](Options& o, const std::string& v) { o.at = number(v); }},
    {"--from", true, [](Options& o, const std::string& v) { o.from = number(v); }},
    {"--point", true, set_point},
    {"--times", true, [](Options& o, const std::string& v) { o.times = number(v); }},
    {"--kill", true,
     [](Options& o, const std::string& v) {
       if (v != "tree" && v != "process") refuse("--kill wants tree or process");
       set_deed(o, v == "tree" ? Deed::kill_tree : Deed::kill_process, SIGKILL);
     }},
    {"--error", true,
     [](Options& o, const std::string& v) { set_deed(o, Deed::error, named(strerrorname_np, v)); }},
    {"--error-after", true,
     [](Options& o, const std::string& v) {
       set_deed(o, Deed::error_after, named(strerrorname_np, v));
     }},
    {"--short", true,
     [](Options& o, const std::string& v) { set_deed(o, Deed::shorten, number(v)); }},
    {"--signal", true,
     [](Options& o, const std::string& v) {
       set_deed(o, Deed::signal, named(sigabbrev_np, v.starts_with("SIG") ? v.substr(3) : v));
     }},
    {"--calls", true, add_names},
    {"--class", true,
     [](Options& o, const std::string& v) {
       if (v != "state" && v != "fallible") refuse("--class wants state or fallible");
       o.class_fallible = v == "fallible";
     }},
    {"--path", true, add_path},
    {"--stdin", false, [](Options& o, const std::string&) { o.standard_input = true; }},
    {"--stdout", false, [](Options& o, const std::string&) { o.standard_output = true; }},
    {"--sockets", false, [](Options& o, const std::string&) { o.sockets = true; }},
    {"--all", false, [](Options& o, const std::string&) { o.all = true; }},
    {"--list", false, [](Options& o, const std::string&) { o.list = true; }},
    {"--report", true, [](Options& o, const std::string& v) { o.report = v; }},
    {"--timeout", true,
     [](Options& o, const std::string& v) {
       o.time_limit = std::strtod(v.c_str(), nullptr);
       if (o.time_limit <= 0) refuse(v + ": not a time");
     }},
};

/// The rest of argv is the command.
inline Options parse(char**& argv) {
  Options o;
  for (++argv; *argv != nullptr && std::strncmp(*argv, "--", 2) == 0; ++argv) {
    const std::string_view name = *argv;
    if (name == "--") {
      ++argv;
      break;
    }
    const auto* option = std::find_if(std::begin(options), std::end(options),
                                      [&](const Option& known) { return known.name == name; });
    if (option == std::end(options)) refuse(std::string(name) + ": unknown option");
    if (option->takes_value && *++argv == nullptr) refuse(std::string(name) + " wants a value");
    option->set(o, option->takes_value ? *argv : "");
  }
  if (*argv == nullptr) refuse("no command");
  if ((o.at > 0) + (o.from > 0) + (o.nth > 0) > 1) refuse("one of --at, --from, --point");
  if ((o.deed != Deed::none) != (o.at + o.from + o.nth > 0))
    refuse("a point and a fault go together");
  if (o.paths.empty() && !o.standard_input && !o.standard_output && !o.sockets) o.all = true;
  o.fallible = o.class_fallible.value_or(!o.names.empty());
  return o;
}

/// By name and class alone.
inline bool selected(const Options& o, const Call& call) {
  return (o.fallible || call.kind != Class::fallible) &&
         (o.names.empty() || o.names.contains(call.name));
}

/// Of opens the flags decide too, of fcntl() only the lock commands count.
inline bool value_counts(const Options& o, const Call& call, unsigned long long value) {
  constexpr int locks[] = {F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW};
  const auto* end = std::end(locks);
  if (call.kind == Class::open) return o.fallible || (value & creating_flags) != 0;
  return call.number != SYS_fcntl || std::find(locks, end, static_cast<int>(value)) != end;
}

/// An argument for the list, such as flags=O_WRONLY|O_CREAT or n=512.
inline std::string shown_value(const Call& call, unsigned long long value) {
  constexpr std::pair<int, const char*> flags[] = {
      {O_WRONLY, "O_WRONLY"},     {O_RDWR, "O_RDWR"},          {O_CREAT, "O_CREAT"},
      {O_EXCL, "O_EXCL"},         {O_TRUNC, "O_TRUNC"},        {O_TMPFILE, "O_TMPFILE"},
      {O_APPEND, "O_APPEND"},     {O_PATH, "O_PATH"},          {O_NONBLOCK, "O_NONBLOCK"},
      {O_NOFOLLOW, "O_NOFOLLOW"}, {O_DIRECTORY, "O_DIRECTORY"}};
  const std::string label = call.label;
  if (label.empty()) return label;
  char octal[16];
  std::snprintf(octal, sizeof octal, "%#o", static_cast<unsigned>(value));
  if (call.kind != Class::open)
    return label + "=" + (label == "mode" ? octal : std::to_string(value));
  std::string text;
  for (const auto& [flag, name] : flags) {
    if ((static_cast<int>(value) & flag) == flag)
      text += (text.empty() ? "" : "|") + std::string(name);
  }
  return "flags=" + (text.empty() ? "O_RDONLY" : text);
}

}  // namespace faultrun
