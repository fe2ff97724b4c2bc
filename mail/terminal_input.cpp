// The only include of readline.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
//
#include <readline/history.h>
#include <readline/readline.h>

#include "lib/base/main.h"
#include "mail/input.h"

namespace reader {

namespace {

constexpr int most_lines = 1000;  // of the history

// readline is one of a process, and so is what its callbacks know.
Completer* completer = nullptr;
const std::string* initial_text = nullptr;
bool interrupted = false;

/// Signals that readline catches wait while this lives, but not in wait().
class Held {
 public:
  Held() {
    sigset_t caught;
    ::sigemptyset(&caught);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::sigaddset(&caught, number);
    ::sigprocmask(SIG_BLOCK, &caught, &before_);
  }
  Held(const Held&) = delete;
  ~Held() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

  /// Until the descriptor has something, or a signal came.
  bool wait(int descriptor) const {
    pollfd one{descriptor, POLLIN, 0};
    return ::ppoll(&one, 1, nullptr, &before_) > 0;
  }

 private:
  sigset_t before_;
};

// A signal that comes before the wait must end it: readline's handlers only take a note, and a
// read that has not begun is not interrupted.
bool wait_for_key(int descriptor) {
  for (;;) {
    while (::rl_pending_signal() != 0) ::rl_check_signals();
    const Held held;
    if (take_interrupt()) return false;
    if (::rl_pending_signal() == 0 && held.wait(descriptor)) return true;
  }
}

int next_byte(FILE* stream) noexcept {
  interrupted = interrupted || !wait_for_key(::fileno(stream));
  unsigned char byte = 0;
  return !interrupted && ::read(::fileno(stream), &byte, 1) == 1 ? byte : EOF;
}

int put_initial_text() noexcept {
  if (initial_text != nullptr) ::rl_insert_text(initial_text->c_str());
  return 0;
}

char* duplicate(const std::string& text) { return ::strdup(text.c_str()); }

// readline frees what it gets: the common part of all first, then each.
char** completions(const char* word, int, int) noexcept {
  ::rl_attempted_completion_over = 1;
  if (completer == nullptr || !*completer) return nullptr;
  auto found = (*completer)(std::string(::rl_line_buffer, static_cast<size_t>(::rl_point)), word);
  if (found.empty()) return nullptr;
  auto common = found[0];
  for (const auto& each : found) {
    std::size_t same = 0;
    while (same < common.size() && same < each.size() && common[same] == each[same]) ++same;
    common.resize(same);
  }
  ::rl_completion_append_character = found.size() == 1 && found[0].ends_with('/') ? 0 : ' ';
  auto** const list = static_cast<char**>(::calloc(found.size() + 2, sizeof(char*)));
  if (list == nullptr) return nullptr;
  list[0] = duplicate(common);
  if (found.size() == 1) return list;
  for (std::size_t i = 0; i < found.size(); ++i) list[i + 1] = duplicate(found[i]);
  return list;
}

void set_up() {
  ::rl_readline_name = "mail";
  ::rl_getc_function = next_byte;
  ::rl_startup_hook = put_initial_text;
  ::rl_attempted_completion_function = completions;
  ::rl_completer_word_break_characters = " \t\n";
  ::rl_basic_word_break_characters = " \t\n";
  ::rl_completer_quote_characters = "";
  ::rl_filename_quoting_desired = 0;
  ::rl_change_environment = 0;
  ::rl_initialize();
  // Sequences that a terminal need not know would stand in what is printed.
  ::rl_variable_bind("enable-bracketed-paste", "off");
  ::rl_variable_bind("enable-meta-key", "off");
}

/// While it lives, TAB is a character like others.
class TabInserts {
 public:
  TabInserts() : before_(::rl_function_of_keyseq("\t", nullptr, nullptr)) {
    ::rl_bind_key('\t', ::rl_insert);
  }
  TabInserts(const TabInserts&) = delete;
  ~TabInserts() { ::rl_bind_key('\t', before_); }

 private:
  rl_command_func_t* before_;
};

class TerminalInput : public Input {
 public:
  TerminalInput(Completer words, const std::string& history)
      : completer_(std::move(words)), history_(history) {
    set_up();
    ::using_history();
    ::stifle_history(most_lines);
    if (!history_.empty()) ::read_history(history_.c_str());
  }

  // A hand-made history file is replaced by one that only its owner reads.
  ~TerminalInput() override {
    completer = nullptr;
    if (history_.empty() || !typed_) return;
    const int file = ::open(history_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) return;
    ::close(file);
    ::write_history(history_.c_str());
  }

  Line read(const std::string& prompt) override {
    auto line = edit(prompt, "");
    if (line.kind == Line::Kind::text && !line.text.empty()) remember(line.text);
    return line;
  }

  Line edit(const std::string& prompt, const std::string& initial) override {
    base::flush_output();
    completer = &completer_;
    initial_text = initial.empty() ? nullptr : &initial;
    interrupted = false;
    char* const typed = ::readline(prompt.c_str());
    initial_text = nullptr;
    Line line;
    if (interrupted) line.kind = Line::Kind::interrupted;
    else if (typed != nullptr) line = {Line::Kind::text, typed};
    ::free(typed);
    if (line.kind != Line::Kind::text) base::print("\n");
    base::flush_output();
    return line;
  }

  Line read_text() override {
    const TabInserts tab;
    return edit("", "");
  }

  bool person() const override { return true; }

 private:
  void remember(const std::string& line) {
    typed_ = true;
    const auto* const last =
        ::history_length > 0 ? ::history_get(::history_base + ::history_length - 1) : nullptr;
    if (last == nullptr || line != last->line) ::add_history(line.c_str());
  }

  Completer completer_;
  std::string history_;
  bool typed_ = false;
};

}  // namespace

std::unique_ptr<Input> terminal_input(Completer words, const std::string& history) {
  return std::make_unique<TerminalInput>(std::move(words), history);
}

std::vector<std::string> typed_lines() {
  std::vector<std::string> lines;
  HIST_ENTRY** const list = ::history_list();
  for (auto** each = list; each != nullptr && *each != nullptr; ++each)
    lines.emplace_back((*each)->line);
  return lines;
}

}  // namespace reader
