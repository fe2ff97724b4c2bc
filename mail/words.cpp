#include "mail/words.h"

namespace reader {

namespace {

bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool quotes(char c) { return c == '"' || c == '\''; }

// What a backslash and this character mean inside "…", as bsd-mailx has it (`set sign="a\nb"`).
char escaped(char c) {
  switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    default: return c;
  }
}

// Where the word at the start of text ends; its characters without quotes go to `word`.
std::size_t take_word(std::string_view text, std::string& word) {
  char quote = '\0';
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\' && quote != '\'' && at + 1 < text.size()) {
      ++at;
      word.push_back(quote == '"' ? escaped(text[at]) : text[at]);
    } else if (quote == '\0' && blank(c)) {
      break;
    } else if (quote == '\0' ? quotes(c) : c == quote) {
      quote = quote == '\0' ? c : '\0';
    } else {
      word.push_back(c);
    }
  }
  return at;
}

std::size_t skip_blanks(std::string_view text, std::size_t at) {
  while (at < text.size() && blank(text[at])) ++at;
  return at;
}

}  // namespace

std::vector<std::string> split_words(std::string_view line) {
  std::vector<std::string> words;
  for (std::size_t at = skip_blanks(line, 0); at < line.size(); at = skip_blanks(line, at)) {
    words.emplace_back();
    at += take_word(line.substr(at), words.back());
  }
  return words;
}

LastWord split_last_word(std::string_view line) {
  LastWord last{line.substr(0, 0), ""};
  for (std::size_t at = skip_blanks(line, 0); at < line.size(); at = skip_blanks(line, at)) {
    last.before = line.substr(0, at);
    last.word.clear();
    at += take_word(line.substr(at), last.word);
  }
  return last;
}

}  // namespace reader
