// input.h - where lines come from: a person at a terminal (readline), a pipe, a file of commands.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace reader {

struct Line {
  enum class Kind { text, end, interrupted };
  Kind kind = Kind::end;
  std::string text;  ///< without its LF; NUL and invalid bytes as they came
};

class Input {
 public:
  virtual ~Input() = default;
  /// The next line. prompt: shown only to a person. After an interrupt the line at hand is gone.
  virtual Line read(const std::string& prompt) = 0;
  /// The same with text that is there already and may be changed (`~h`, Subject:).
  virtual Line edit(const std::string& prompt, const std::string& initial) = 0;
  /// A line of a letter: what is typed is text, TAB too, and is not remembered.
  virtual Line read_text() { return read(""); }
  /// Whether a person types (prompts are shown, SIGINT speaks to us).
  virtual bool person() const = 0;
};

/// What a word that is being typed may become. line: all of it; word: the part before the cursor.
using Completer =
    std::function<std::vector<std::string>(const std::string& line, const std::string& word)>;

/// Lines of a descriptor, without editing. person: whether somebody types there; prompts are shown
/// on standard output then.
std::unique_ptr<Input> plain_input(int descriptor, bool person = false);
/// A terminal, with editing, history (kept in the file `history` if that is not empty) and
/// completion.
std::unique_ptr<Input> terminal_input(Completer completer, const std::string& history);
/// Lines of the history, oldest first; none without a terminal_input().
std::vector<std::string> typed_lines();

/// SIGINT sets a mark from now on instead of ending the process.
void catch_interrupts();
/// Whether it came since the last call.
bool take_interrupt();

}  // namespace reader
