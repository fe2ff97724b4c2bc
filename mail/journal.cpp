#include "mail/journal.h"

#include <string.h>

#include <algorithm>
#include <array>
#include <utility>

#include "lib/base/fd.h"
#include "lib/base/text.h"
#include "lib/store/mbox.h"

namespace reader {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

constexpr std::string_view magic = "postbag-rewrite 1\n";
constexpr std::uint64_t sector = 512;
constexpr std::uint64_t piece = 1 << 20;  // a multiple of it
constexpr std::uint64_t longest_from_line = 4097;

std::uint64_t sum_of(std::string_view text) {
  Sum sum;
  sum.add(text);
  return sum.value();
}

std::uint32_t short_sum(std::string_view text) {
  return static_cast<std::uint32_t>(sum_of(text) >> 32);
}

Result<std::string> read(int file, std::uint64_t from, std::uint64_t to) {
  std::string text(static_cast<std::size_t>(to - std::min(from, to)), '\0');
  TRY_LET(got, base::read_at(file, text, from, "mailbox"));
  text.resize(got);
  return text;
}

// Two files side by side: the mailbox, and what the journal wants there.
class Comparison {
 public:
  Comparison(int mailbox, std::uint64_t size, int journal, const JournalFacts& facts)
      : mailbox_(mailbox), size_(size), journal_(journal), facts_(facts) {}

  Result<Finding> finding();

 private:
  struct Pair {
    std::string found, wanted;
  };
  Result<Pair> pair(std::uint64_t from, std::uint64_t to) const;
  Result<bool> old_or_new(std::uint64_t from, std::uint64_t to);
  bool sector_fits(std::uint64_t from, std::uint64_t to, std::string_view found,
                   std::string_view wanted);
  Result<bool> all_new() const;
  Result<std::uint64_t> written_until(std::uint64_t from, std::uint64_t to) const;
  Result<std::optional<std::uint64_t>> mail_before(std::uint64_t until) const;
  Result<bool> mail_at(std::uint64_t at) const;
  Result<Finding> growing();
  Result<Finding> shrinking();

  int mailbox_;
  std::uint64_t size_;
  int journal_;
  const JournalFacts& facts_;
  std::string sectors_;     // the journal's list
  std::size_t sector_ = 0;  // number of the one at hand
  bool half_seen_ = false;  // one sector may be partly new
};

Result<Comparison::Pair> Comparison::pair(std::uint64_t from, std::uint64_t to) const {
  TRY_LET(found, read(mailbox_, from, std::min(to, size_)));
  const auto base = journal_header_size - facts_.offset;
  TRY_LET(wanted, read(journal_, base + from, base + std::min(to, facts_.new_size)));
  return Pair{std::move(found), std::move(wanted)};
}

// Whether a sector is as it was, or as it will be, or begins so (once).
bool Comparison::sector_fits(std::uint64_t from, std::uint64_t to, std::string_view found,
                             std::string_view wanted) {
  std::uint32_t old_sum = 0;
  ::memcpy(&old_sum, sectors_.data() + sizeof old_sum * sector_++, sizeof old_sum);
  if (found.size() < to - from) return false;
  if (from < facts_.new_size && found == wanted) return true;
  if (short_sum(found) == old_sum) return true;
  if (wanted.empty() || found[0] != wanted[0]) return false;
  return !std::exchange(half_seen_, true);
}

Result<bool> Comparison::old_or_new(std::uint64_t from, std::uint64_t to) {
  while (from < to) {
    const auto end = std::min(to, (from / piece + 1) * piece);
    TRY_LET(both, pair(from, end));
    for (const auto first = from; from < end;) {
      const auto next = sector_end(facts_, from);
      const auto cut = [&](const std::string& text) {
        const auto at = std::min<std::uint64_t>(from - first, text.size());
        return std::string_view(text).substr(static_cast<std::size_t>(at),
                                             static_cast<std::size_t>(next - from));
      };
      if (!sector_fits(from, next, cut(both.found), cut(both.wanted))) return false;
      from = next;
    }
  }
  return true;
}

Result<bool> Comparison::all_new() const {
  for (auto from = facts_.offset; from < facts_.new_size; from += piece) {
    TRY_LET(both, pair(from, std::min(facts_.new_size, from + piece)));
    if (both.found != both.wanted) return false;
  }
  return true;
}

// How far there is new text or zeros.
Result<std::uint64_t> Comparison::written_until(std::uint64_t from, std::uint64_t to) const {
  while (from < to) {
    TRY_LET(both, pair(from, std::min(to, from + piece)));
    const auto differ =
        std::mismatch(both.found.begin(), both.found.end(), both.wanted.begin(), both.wanted.end(),
                      [](char found, char wanted) { return found == wanted || found == '\0'; });
    const auto same = static_cast<std::uint64_t>(differ.first - both.found.begin());
    from += same;
    if (same < piece) return from;
  }
  return from;
}

// Whether mail was appended at `at`.
Result<bool> Comparison::mail_at(std::uint64_t at) const {
  const auto text = read(mailbox_, at, std::min(size_, at + longest_from_line + 2));
  if (!text) return text.error();
  std::string_view line = text.value();
  for (int i = 0; i < 2 && line.starts_with('\n'); ++i) line.remove_prefix(1);
  return store::is_from_line(line.substr(0, line.find('\n')));
}

// The last From_ line behind the old text that begins not much behind `until`.
Result<std::optional<std::uint64_t>> Comparison::mail_before(std::uint64_t until) const {
  const auto from = facts_.old_size;
  const auto last = std::min(until + 2, size_);
  const auto first = std::max(from, last - std::min(last, 2 * longest_from_line));
  TRY_LET(text, read(mailbox_, first, std::min(size_, last + longest_from_line)));
  for (auto at = last;; --at) {
    const auto here = std::string_view(text).substr(static_cast<std::size_t>(at - first));
    const auto line = here.substr(0, here.find('\n'));
    const bool line_starts = at == from || (at > first && text[at - first - 1] == '\n');
    // A line that is the journal's to its end is no other's.
    if (line_starts && store::is_from_line(line))
      return until < at + line.size() ? std::optional(at) : std::nullopt;
    if (at == first) return std::optional<std::uint64_t>();
  }
}

Result<Finding> Comparison::growing() {
  if (size_ < facts_.old_size) return Finding{};
  TRY_LET(fits, old_or_new(facts_.offset, facts_.old_size));
  if (!fits) return Finding{};
  const auto end = std::min(size_, facts_.new_size);
  TRY_LET(written, written_until(facts_.old_size, end));
  const bool all = written == end;
  if (all && size_ <= facts_.new_size) return Finding{Finding::State::unfinished, size_};
  if (all) {
    TRY_LET(mail, mail_at(end));
    return mail ? Finding{Finding::State::unfinished, end} : Finding{};
  }
  TRY_LET(late, mail_before(written));
  return late ? Finding{Finding::State::unfinished, *late} : Finding{};
}

Result<Finding> Comparison::shrinking() {
  if (size_ < facts_.new_size) return Finding{};
  if (size_ >= facts_.old_size) {
    TRY_LET(fits, old_or_new(facts_.offset, facts_.old_size));
    bool mail = size_ == facts_.old_size;
    if (fits && !mail) {
      TRY_LET(at_end, mail_at(facts_.old_size));
      mail = at_end;
    }
    if (fits && mail) return Finding{Finding::State::unfinished, facts_.old_size};
  }
  TRY_LET(written, all_new());
  bool mail = size_ == facts_.new_size;
  if (written && !mail) {
    TRY_LET(at_end, mail_at(facts_.new_size));
    mail = at_end;
  }
  return written && mail ? Finding{Finding::State::done, size_} : Finding{};
}

Result<Finding> Comparison::finding() {
  if (size_ < facts_.offset) return Finding{};
  TRY_LET(before, sum_before(mailbox_, facts_.offset));
  if (before != facts_.before) return Finding{};
  const auto text_end = journal_header_size + facts_.text_size();
  TRY_LET(sectors, read(journal_, text_end, text_end + (facts_.old_size - facts_.offset) * 4));
  sectors_ = std::move(sectors);
  return facts_.new_size >= facts_.old_size ? growing() : shrinking();
}

}  // namespace

void Sum::word(std::uint64_t bytes) {
  value_ = (value_ ^ bytes) * 0x9E3779B97F4A7C15u;
  value_ ^= value_ >> 29;
}

void Sum::add(std::string_view text) {
  while (!text.empty() && (length_ % 8 != 0 || text.size() < 8)) {
    partial_ |= std::uint64_t{static_cast<unsigned char>(text[0])} << (8 * (length_ % 8));
    text.remove_prefix(1);
    if (++length_ % 8 == 0) word(std::exchange(partial_, 0));
  }
  for (; text.size() >= 8; text.remove_prefix(8), length_ += 8) {
    std::uint64_t bytes;
    ::memcpy(&bytes, text.data(), 8);
    word(bytes);
  }
  if (!text.empty()) add(text);
}

std::uint64_t Sum::value() const {
  Sum end = *this;
  end.word(partial_);
  end.word(length_);
  return end.value_;
}

std::string journal_header(const JournalFacts& facts) {
  std::string text =
      cat(magic, "offset ", facts.offset, "\nold ", facts.old_size, "\nnew ", facts.new_size,
          "\nbefore ", facts.before, "\ntext ", facts.text, "\nsectors ", facts.sectors, "\npath ");
  text += facts.path;
  text.resize(journal_header_size - 1 - 20, '\0');
  std::string check = cat(sum_of(text));
  check.insert(0, 20 - check.size(), '0');
  return cat(text, check, "\n");
}

std::optional<JournalFacts> parse_journal_header(std::string_view text) {
  if (text.size() != journal_header_size || !text.starts_with(magic)) return std::nullopt;
  const auto checked = text.substr(0, text.size() - 21);
  if (base::to_number<std::uint64_t>(text.substr(checked.size(), 20)) != sum_of(checked))
    return std::nullopt;
  auto rest = checked.substr(magic.size());
  JournalFacts facts;
  for (auto* number : {&facts.offset, &facts.old_size, &facts.new_size, &facts.before, &facts.text,
                       &facts.sectors}) {
    base::take(rest, ' ');
    const auto value = base::to_number<std::uint64_t>(base::take(rest, '\n'));
    if (!value) return std::nullopt;
    *number = *value;
  }
  base::take(rest, ' ');
  facts.path = rest.substr(0, rest.find('\0'));
  if (facts.offset > facts.old_size || facts.offset > facts.new_size) return std::nullopt;
  return facts;
}

Result<JournalFacts> read_journal(int journal) {
  const Error damaged{Kind::data, "damaged"};
  TRY_LET(header, read(journal, 0, journal_header_size));
  auto facts = parse_journal_header(header);
  if (!facts) return damaged;
  const auto text_end = journal_header_size + facts->text_size();
  Sum text, sectors;
  for (std::uint64_t at = journal_header_size;;) {
    const bool in_text = at < text_end;
    TRY_LET(found, read(journal, at, in_text ? std::min(text_end, at + piece) : at + piece));
    if (found.empty()) break;
    (in_text ? text : sectors).add(found);
    at += found.size();
  }
  if (text.value() != facts->text || sectors.value() != facts->sectors) return damaged;
  return std::move(*facts);
}

std::uint64_t sector_end(const JournalFacts& facts, std::uint64_t at) {
  auto end = (at / sector + 1) * sector;
  for (const auto edge : {facts.new_size, facts.old_size})
    if (edge > at) end = std::min(end, edge);
  return end;
}

Result<std::string> list_sectors(int mailbox, const JournalFacts& facts) {
  std::string list;
  for (auto from = facts.offset; from < facts.old_size;) {
    const auto end = std::min(facts.old_size, (from / piece + 1) * piece);
    TRY_LET(text, read(mailbox, from, end));
    if (text.size() < end - from) return Error{Kind::io, "mailbox: shorter than it was"};
    for (const auto first = from; from < end;) {
      const auto next = sector_end(facts, from);
      const auto sum = short_sum(std::string_view(text).substr(
          static_cast<std::size_t>(from - first), static_cast<std::size_t>(next - from)));
      std::array<char, sizeof sum> bytes;
      ::memcpy(bytes.data(), &sum, sizeof sum);
      list.append(bytes.data(), bytes.size());
      from = next;
    }
  }
  return list;
}

Result<std::uint64_t> sum_before(int mailbox, std::uint64_t offset) {
  TRY_LET(text, read(mailbox, offset - std::min<std::uint64_t>(offset, 4096), offset));
  return sum_of(text);
}

Result<Finding> examine(int mailbox, std::uint64_t size, int journal, const JournalFacts& facts) {
  return Comparison(mailbox, size, journal, facts).finding();
}

}  // namespace reader
