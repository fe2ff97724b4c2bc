#include "spool/wire.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "lib/base/text.h"

namespace {
using namespace std::string_literals;
using base::cat;
using spool::TransferEncoding;

/// Numbers that are the same in every run.
class Numbers {
 public:
  explicit Numbers(unsigned seed) : state_(seed) {}
  std::size_t below(std::size_t limit) {
    state_ = state_ * 1'103'515'245 + 12'345;
    return state_ / 65'536 % limit;
  }
  std::string text(std::string_view bytes, std::size_t length) {
    std::string made;
    while (made.size() < length) made.push_back(bytes[below(bytes.size())]);
    return made;
  }

 private:
  unsigned state_;
};

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all.append(text);
  return all;
}

template <typename Encoder>
std::string in_pieces(Encoder encoder, std::string_view text, std::size_t size) {
  std::string out;
  for (; !text.empty(); text.remove_prefix(std::min(size, text.size())))
    encoder.append(text.substr(0, size), out);
  encoder.finish(out);
  return out;
}

std::string stuffed(std::string_view text) {
  return in_pieces(spool::DotStuffer(), text, std::string::npos);
}

std::string encoded(std::string_view text, TransferEncoding encoding) {
  return in_pieces(spool::BodyEncoder(encoding), text, std::string::npos);
}

std::string quoted(std::string_view text) {
  return encoded(text, TransferEncoding::quoted_printable);
}
std::string base64(std::string_view text) { return encoded(text, TransferEncoding::base64); }

std::vector<std::string_view> lines_of(std::string_view text, std::string_view line_end) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = text.find(line_end);
    REQUIRE(end != std::string_view::npos);
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + line_end.size());
  }
  return lines;
}

/// What a server makes of the wire's text: LF lines with dots taken off and long lines put
/// together.
std::string received(std::string_view wire) {
  auto lines = lines_of(wire, "\r\n");
  REQUIRE(!lines.empty());
  REQUIRE(lines.back() == ".");
  lines.pop_back();
  std::string text;
  for (auto line : lines) {
    REQUIRE(line != ".");
    REQUIRE(line.find_first_of("\r\n") == std::string_view::npos);
    if (line.starts_with('.')) line.remove_prefix(1);
    REQUIRE(line.size() <= 998);
    text += cat(line, "\n");
  }
  return text;
}

std::string quoted_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      out.push_back(text[i]);
    } else if (text.substr(i, 2) == "=\n") {
      ++i;
    } else {
      out.push_back(static_cast<char>(base::to_number<int>(text.substr(i + 1, 2), 16).value()));
      i += 2;
    }
  }
  return out;
}

std::string base64_decoded(std::string_view text) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0, count = 0;
  for (const char c : text) {
    if (c == '=' || c == '\n') continue;
    bits = bits << 6 | static_cast<unsigned>(digits.find(c));
    if ((count += 6) >= 8) out.push_back(static_cast<char>(bits >> (count -= 8) & 255));
  }
  return out;
}

std::string canonical(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? "\r\n"s : std::string(1, c);
  return out;
}

constexpr std::string_view nasty = "\n\n..\r\r a=F\t\xc3\xb6\xe2\x82\xac\xff";
}  // namespace

TEST_CASE("dot stuffer: LF becomes CRLF, dots at line starts are doubled, a dot ends the text") {
  const struct {
    std::string text, expected;
  } table[] = {
      {"", ".\r\n"},
      {"\n", "\r\n.\r\n"},
      {"a", "a\r\n.\r\n"},
      {"a\n", "a\r\n.\r\n"},
      {".", "..\r\n.\r\n"},
      {".\n", "..\r\n.\r\n"},
      {"..\n", "...\r\n.\r\n"},
      {"a.\n.b\n", "a.\r\n..b\r\n.\r\n"},
      {"a\r\nb\r\n", "a\r\nb\r\n.\r\n"},
      {"a\rb\n", "a b\r\n.\r\n"},
      {"a\r\r\n", "a \r\n.\r\n"},
      {"a\r", "a \r\n.\r\n"},
      {"\r", " \r\n.\r\n"},
      {"\r\n", "\r\n.\r\n"},
      {"\r.\r", " . \r\n.\r\n"},
      {"\r.\n", " .\r\n.\r\n"},
      {"\n.\r", "\r\n.. \r\n.\r\n"},
      {"a\0b\n"s, "a\0b\r\n.\r\n"s},
  };
  for (const auto& row : table) {
    CAPTURE(row.text);
    CHECK(stuffed(row.text) == row.expected);
  }
}

TEST_CASE("dot stuffer: no mix of line ends around a dot ends the text early") {
  const std::string ends[] = {"", "\r", "\n", "\r\n", "\n\r", "\r\r\n"};
  for (const auto& before : ends) {
    for (const auto& behind : ends) {
      const auto text = cat("a", before, ".", behind, "MAIL FROM:<x>\n");
      CAPTURE(text);
      CHECK(received(stuffed(text)).find("MAIL FROM") != std::string::npos);
    }
  }
}

TEST_CASE("dot stuffer: a line of 998 bytes stays, a longer one is broken") {
  const std::string full(998, 'x');
  CHECK(stuffed(full) == cat(full, "\r\n.\r\n"));
  CHECK(stuffed(cat(full, "y\n")) == cat(full, "\r\n y\r\n.\r\n"));
  CHECK(stuffed(cat(full, full)) == cat(full, "\r\n ", full.substr(1), "\r\n x\r\n.\r\n"));
}

TEST_CASE("dot stuffer: no line up to 998 bytes changes, whatever stands at its ends") {
  const std::string_view ends[] = {"a",        "\xfc",    "\xe2", "\xf0\x9f", "\xf0\x9f\x93",
                                   "\xc3\xbc", "\xff\xf0"};
  for (const std::string_view begin : {".", "x"}) {
    for (const auto end : ends) {
      for (std::size_t size = 990; size <= 998; ++size) {
        const auto line = cat(begin, std::string(size - 1 - end.size(), 'x'), end, "\n");
        CAPTURE(line);
        CHECK(received(stuffed(line)) == line);
        CHECK(in_pieces(spool::DotStuffer(), line, 1) == stuffed(line));
      }
    }
  }
}

TEST_CASE("dot stuffer: a line is broken between characters") {
  const struct {
    std::string_view character;
    std::size_t kept;
  } table[] = {{"\xc3\xb6", 499}, {"\xe2\x82\xac", 332}, {"\xf0\x9f\x93\xae", 249}};
  for (const auto& row : table) {
    const auto wire = stuffed(repeated(row.character, 600));
    for (const auto line : lines_of(wire, "\r\n")) CHECK(base::valid_utf8(line));
    CHECK(wire.find("\r\n") == row.character.size() * row.kept);
  }
}

TEST_CASE("dot stuffer: a dot that comes to the start of a broken line stays behind its space") {
  const auto wire = stuffed(cat(std::string(998, 'x'), ".\n"));
  CHECK(wire.ends_with("\r\n .\r\n.\r\n"));
}

TEST_CASE("dot stuffer: bytes that are no UTF-8 make no line over 998") {
  for (const char c : {'\x80', '\xff', '\xc3', '\xe2', '\xf0', '\r'}) {
    const std::string text(5000, c);
    CHECK(received(stuffed(text)).size() > 5000);
  }
}

TEST_CASE("dot stuffer: the pieces in which the text comes make no difference") {
  Numbers numbers(3);
  for (int round = 0; round < 300; ++round) {
    std::string text = numbers.text(nasty, numbers.below(200));
    if (round % 3 == 0)
      text += cat(numbers.text("x.\r\xc3\xb6\xff", 990 + numbers.below(20)), text);
    const auto whole = stuffed(text);
    received(whole);
    for (const std::size_t size : {1, 2, 3, 7, 64}) {
      CAPTURE(size);
      REQUIRE(in_pieces(spool::DotStuffer(), text, size) == whole);
    }
    const auto cut = numbers.below(text.size() + 1);
    std::string out;
    spool::DotStuffer stuffer;
    stuffer.append(std::string_view(text).substr(0, cut), out);
    stuffer.append(std::string_view(text).substr(cut), out);
    stuffer.finish(out);
    REQUIRE(out == whole);
  }
}

TEST_CASE("dot stuffer: what a server receives is what was sent") {
  Numbers numbers(5);
  for (int round = 0; round < 500; ++round) {
    const auto text = cat(numbers.text("\n\n..ab \t\xc3\xb6\xff", numbers.below(300)), "\n");
    REQUIRE(received(stuffed(text)) == text);
  }
}

TEST_CASE("dot stuffer: after finish it begins a new message") {
  spool::DotStuffer stuffer;
  std::string out;
  stuffer.append("a\r", out);
  stuffer.finish(out);
  stuffer.append(".\n", out);
  stuffer.finish(out);
  CHECK(out == "a \r\n.\r\n..\r\n.\r\n");
}

TEST_CASE("quoted-printable: what stands for itself and what does not") {
  const struct {
    std::string text, expected;
  } table[] = {
      {"", ""},
      {"\n", "\n"},
      {"plain text\n", "plain text\n"},
      {"no end", "no end"},
      {"a=b\n", "a=3Db\n"},
      {"\xc3\xb6\n", "=C3=B6\n"},
      {"a \nb\t\n", "a=20\nb=09\n"},
      {"a b\tc\n", "a b\tc\n"},
      {"  \n", " =20\n"},
      {" ", "=20"},
      {"\t", "=09"},
      {"\0\r\x7f\n"s, "=00=0D=7F\n"},
      {"a\r\n", "a=0D\n"},
      {"a \r\n", "a =0D\n"},
      {".\n", "=2E\n"},
      {"..\n.", "=2E.\n=2E"},
      {"a.\n", "a.\n"},
      {"From me\nFrom\nFro\nF\n", "=46rom me\nFrom\nFro\nF\n"},
      {"from me\n>From x\n From x\n", "from me\n>From x\n From x\n"},
      {"From", "From"},
      {"From ", "=46rom=20"},
      {"F", "F"},
  };
  for (const auto& row : table) {
    CAPTURE(row.text);
    CHECK(quoted(row.text) == row.expected);
    CHECK(quoted_decoded(row.expected) == row.text);
  }
}

TEST_CASE(
    "quoted-printable: long lines are broken softly at 76, and not into lines that need an "
    "escape") {
  CHECK(quoted(std::string(75, 'x')) == std::string(75, 'x'));
  CHECK(quoted(std::string(77, 'x')) == cat(std::string(75, 'x'), "=\nxx"));
  CHECK(quoted(cat(std::string(75, 'x'), ".\n")) == cat(std::string(75, 'x'), "=\n=2E\n"));
  CHECK(quoted(cat(std::string(75, 'x'), "From y\n")) ==
        cat(std::string(75, 'x'), "=\n=46rom y\n"));
  CHECK(quoted(cat(std::string(74, 'x'), "\xff\n")) == cat(std::string(74, 'x'), "=\n=FF\n"));
}

TEST_CASE(
    "quoted-printable: random text comes back, in short lines without trailing blanks, for any "
    "pieces") {
  Numbers numbers(11);
  for (int round = 0; round < 400; ++round) {
    const auto text = numbers.text(round % 2 == 0 ? nasty : "From .\nFrom  \n", numbers.below(400));
    const auto whole = quoted(text);
    REQUIRE(quoted_decoded(whole) == text);
    for (const auto line : base::split(whole, '\n')) {
      REQUIRE(line.size() <= 76);
      REQUIRE_FALSE((line.ends_with(' ') || line.ends_with('\t')));
      REQUIRE_FALSE((line.starts_with('.') || line.starts_with("From ")));
      REQUIRE(std::none_of(line.begin(), line.end(), base::eight_bit));
    }
    for (const std::size_t size : {1, 2, 3, 4, 5, 77})
      REQUIRE(in_pieces(spool::BodyEncoder(TransferEncoding::quoted_printable), text, size) ==
              whole);
  }
}

TEST_CASE("base64: line ends are sent as CRLF and lines have 76 characters") {
  CHECK(base64("") == "");
  CHECK(base64("a") == "YQ==\n");
  CHECK(base64("ab") == "YWI=\n");
  CHECK(base64("abc") == "YWJj\n");
  CHECK(base64("a\n") == "YQ0K\n");
  CHECK(base64(std::string(57, 'a')) == cat(repeated("YWFh", 19), "\n"));
  CHECK(base64(std::string(58, 'a')) == cat(repeated("YWFh", 19), "\nYQ==\n"));
}

TEST_CASE("base64: random bytes come back in their canonical form, for any pieces") {
  Numbers numbers(13);
  for (int round = 0; round < 300; ++round) {
    const auto text = numbers.text("\n\r\0\xff\x80 abc"s, numbers.below(300));
    const auto whole = base64(text);
    REQUIRE(base64_decoded(whole) == canonical(text));
    for (const auto line : lines_of(whole, "\n")) REQUIRE((line.size() <= 76 && !line.empty()));
    for (const std::size_t size : {1, 2, 3, 5, 58})
      REQUIRE(in_pieces(spool::BodyEncoder(TransferEncoding::base64), text, size) == whole);
  }
}

TEST_CASE("body encoder: without an encoding the text stays") {
  CHECK(encoded(nasty, TransferEncoding::none) == nasty);
}

TEST_CASE("body encoder: no soft line break makes a delimiter") {
  const auto text = cat(std::string(75, 'a'), "--b\n--b\n");
  CHECK(quoted(text) == cat(std::string(75, 'a'), "=\n=2D-b\n--b\n"));
}

TEST_CASE("requoter: long lines are broken, other bytes escaped, all else stays") {
  const auto requoted = [](std::string_view text, std::size_t size = std::string::npos) {
    return in_pieces(spool::Requoter(), text, size);
  };
  const std::pair<std::string, std::string> table[] = {
      {"", ""},
      {"a=3D=\nb \n", "a=3D=\nb \n"},
      {"=", "="},
      {"=Z", "=Z"},
      {"=ZZ\n", "=ZZ\n"},
      {"a\xe9\0\r\tb"s, "a=E9=00=0D\tb"},
      {"a=\xc3\xbc=\x01\x63==\xfc", "a=3D=C3=BC=3D=01c===FC"},
      {cat(std::string(74, 'a'), "=\xe9"), cat(std::string(74, 'a'), "=\n=3D=E9")},
      {cat(std::string(75, 'a'), "=\nb"), cat(std::string(75, 'a'), "=\nb")},
      {cat(std::string(75, 'a'), "= b"), cat(std::string(75, 'a'), "=\n= b")},
      {std::string(76, 'a'), cat(std::string(75, 'a'), "=\na")},
      {cat(std::string(74, 'a'), "=3D"), cat(std::string(74, 'a'), "=\n=3D")},
      {cat(std::string(75, 'a'), "-b"), cat(std::string(75, 'a'), "=\n=2Db")},
  };
  for (const auto& [text, expected] : table) {
    CAPTURE(text);
    CHECK(requoted(text) == expected);
    for (const std::size_t size : {1, 2, 3}) CHECK(requoted(text, size) == expected);
    CHECK(requoted(expected) == expected);
  }
}

TEST_CASE("rewrapper: lines of 76, and nothing outside of the alphabet") {
  const auto rewrapped = [](std::string_view text) {
    std::string out;
    spool::Rewrapper().append(text, out);
    return out;
  };
  CHECK(rewrapped("") == "");
  CHECK(rewrapped("QUJD\n RE\xe9VG\0-Rw==\n"s) == "QUJDREVGRw==");
  CHECK(rewrapped(std::string(153, 'A')) ==
        cat(std::string(76, 'A'), "\n", std::string(76, 'A'), "\nA"));
}
