#include "spool/recode.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/base/text.h"
#include "spool/header_fit.h"

namespace spool {

namespace {
using base::cat;
constexpr auto npos = std::string_view::npos;

constexpr std::size_t undecided_limit = 997;  // no delimiter and no field name is longer
constexpr std::size_t longest_header = 1 << 20;
constexpr std::size_t deepest = 100;
constexpr std::size_t most_edits = 1 << 18;

constexpr bool blank(char c) { return c == ' ' || c == '\t'; }
constexpr bool strange_control(char c) {
  return base::control(c) && c != '\t' && c != '\r' && c != '\f' && c != '\x1b' && c != '\b';
}

/// Whether `line` is "--", the boundary, blanks; closing: with "--" behind it.
bool delimits(std::string_view line, std::string_view boundary, bool& closing) {
  if (!line.substr(2).starts_with(boundary)) return false;
  auto rest = line.substr(2 + boundary.size());
  closing = rest.starts_with("--");
  if (closing) rest.remove_prefix(2);
  return std::all_of(rest.begin(), rest.end(), blank);
}
}  // namespace

RecodeScanner::RecodeScanner(Offer offer) : offer_(offer) {
  push(0, true);
  frames_.back().top = true;
}

void RecodeScanner::append(std::string_view piece) {
  while (!piece.empty()) {
    const auto line_end = piece.find('\n');
    const auto part = piece.substr(0, line_end);
    text(part);
    at_ += part.size();
    if (line_end == npos) return;
    end_line();
    piece.remove_prefix(line_end + 1);
  }
}

/// Text without LF.
void RecodeScanner::text(std::string_view part) {
  if (settled_) return content(part);
  if (!in_header_ && line_.empty() && !part.empty() && part[0] != '-') {
    settled_ = true;
    return content(part);
  }
  const auto taken = part.substr(0, undecided_limit + 1 - line_.size());
  line_.append(taken);
  if (line_.size() <= undecided_limit) return;
  settle(false);
  content(part.substr(taken.size()));
}

void RecodeScanner::end_line() {
  if (!settled_) settle(true);
  ++at_;
  if (in_header_ && column_ > 0) header_.append(frames_.back().cut ? "" : "\n");
  auto& frame = frames_.back();
  Facts& facts = in_header_ ? frame.header : frame.body;
  facts.longest = std::max(facts.longest, column_);
  column_ = 0;
  line_begin_ = at_;
  settled_ = false;
}

/// Decides what line_ is; whole: there is no more of it.
void RecodeScanner::settle(bool whole) {
  settled_ = true;
  const std::string line = std::exchange(line_, {});
  line_ = line;
  const bool taken = whole && line.starts_with("--") && at_delimiter();
  if (!taken && in_header_ && whole && line.empty()) {
    // What belongs to the empty line is nothing; a message in it begins a header of its own.
    end_header(line_begin_, line_begin_ + 1);
  } else if (!taken) {
    bool ended = false;
    for (; in_header_ && !header_line(whole); ended = true) end_header(line_begin_, line_begin_);
    if (ended && whole && line.starts_with("--") && at_delimiter()) return line_.clear();
    first_header_line_ = false;
    line_.clear();
    return content(line);
  }
  line_.clear();
}

/// Whether line_ belongs to the header that is being read.
bool RecodeScanner::header_line(bool whole) const {
  if (whole && line_.empty()) return false;
  if (blank(line_[0])) return !first_header_line_;
  const bool from = line_.starts_with("From ") || line_.starts_with(">From ");
  return rfc::field_name_length(line_) > 0 || (first_header_line_ && from);
}

void RecodeScanner::content(std::string_view part) {
  column_ += part.size();
  auto& frame = frames_.back();
  Facts& facts = in_header_ ? frame.header : frame.body;
  facts.longest = std::max(facts.longest, column_);
  facts.bytes += part.size();
  bool high = false;
  for (const char c : part) high |= base::eight_bit(c);
  facts.eight_bit |= high;
  if (!part.empty()) {
    facts.nul |= std::memchr(part.data(), 0, part.size()) != nullptr;
    facts.bare_cr |= std::memchr(part.data(), '\r', part.size()) != nullptr;
  }
  for (const char c : part) facts.controls += strange_control(c) ? 1 : 0;
  if (!in_header_) return;
  if (header_.size() + part.size() > longest_header) frame.cut = true;
  if (!frame.cut) header_.append(part);
}

/// Looks for the multipart whose delimiter line_ is, and goes on there.
bool RecodeScanner::at_delimiter() {
  bool closing = false;
  for (std::size_t i = 0; i < frames_.size(); ++i) {
    const auto& frame = frames_[i];
    const bool open = frame.part.composition == Composition::multipart && !frame.closed &&
                      (i + 1 < frames_.size() || !in_header_);
    if (!open || !delimits(line_, frame.part.boundary, closing)) continue;
    if (closing && !frame.started) {  // readers take it and all around for the multipart's text
      frames_[i].closed = true;
      return false;
    }
    delimiter(i, closing);
    return true;
  }
  return false;
}

void RecodeScanner::delimiter(std::size_t index, bool closing) {
  const auto before = line_begin_ == 0 ? 0 : line_begin_ - 1;
  while (frames_.size() > index + 1) pop(before, line_begin_);
  auto& frame = frames_.back();
  if (!frame.started) judge_outside(frame, before);
  frame.started = true;
  frame.closed = closing;
  if (std::any_of(line_.begin(), line_.end(), base::eight_bit)) {
    if (!offer_.eight_bit) refuse("a boundary with 8-bit characters");
    plan_.eight_bit = true;
  }
  const auto behind = line_begin_ + line_.size() + 1;
  frame.body = {};
  frame.body_begin = behind;
  if (!closing) push(behind, false);
}

void RecodeScanner::push(std::uint64_t at, bool as_message) {
  Frame frame;
  frame.header_begin = frame.header_end = frame.body_begin = at;
  frame.as_message = as_message;
  if (!frames_.empty()) {
    const auto& parent = frames_.back();
    frame.sealed = parent.sealed;
    frame.default_message = !as_message && parent.part.digest;
    frame.too_deep = frames_.size() >= deepest;
  }
  frames_.push_back(std::move(frame));
  in_header_ = first_header_line_ = true;
  header_.clear();
}

/// The header of the last frame is over.
void RecodeScanner::end_header(std::uint64_t header_end, std::uint64_t body_begin) {
  auto& frame = frames_.back();
  frame.header_end = header_end;
  frame.body_begin = body_begin;
  frame.part = part_header(header_, frame.default_message);
  if (frame.too_deep) frame.part.composition = Composition::leaf;
  judge_header(frame);
  frame.rewrappable = frame.part.enveloped && frame.part.declared == Declared::base64 &&
                      !frame.sealed && !(frame.top && frame.part.signature);
  frame.sealed |= frame.part.sealed || (frame.top && frame.part.signature);
  in_header_ = false;
  if (frame.part.composition == Composition::message) push(body_begin, true);
}

/// The last frame is over: its text ends at `end`, or its header at `behind`.
void RecodeScanner::pop(std::uint64_t end, std::uint64_t behind) {
  if (in_header_) {
    end_header(std::max(frames_.back().header_begin, behind), behind);
    if (in_header_) return pop(end, behind);  // an empty message
  }
  auto& frame = frames_.back();
  end = std::max(end, frame.body_begin);
  const bool multipart = frame.part.composition == Composition::multipart;
  if (multipart && frame.started) judge_outside(frame, end);
  if (frame.part.composition == Composition::message || (multipart && frame.started))
    judge_composite(frame);
  else judge_leaf(frame, end);
  const bool changed = frame.changed;
  frames_.pop_back();
  if (!frames_.empty()) frames_.back().changed |= changed;
}

RecodePlan RecodeScanner::finish() {
  if (!settled_ && !line_.empty()) settle(true);
  while (!frames_.empty()) pop(at_, at_);
  std::stable_sort(plan_.edits.begin(), plan_.edits.end(),
                   [](const Edit& a, const Edit& b) { return a.begin < b.begin; });
  return std::move(plan_);
}

bool RecodeScanner::fits(const Facts& facts) const {
  return !facts.nul && !facts.bare_cr && facts.longest <= largest_line &&
         (!facts.eight_bit || offer_.eight_bit);
}

/// Whether it must change, and whether it can.
void RecodeScanner::judge_header(Frame& frame) {
  const Facts& facts = frame.header;
  const bool to_ascii = facts.eight_bit && !(frame.top ? offer_.utf8 : offer_.eight_bit);
  frame.fits_not = to_ascii || facts.nul || facts.longest > largest_line;
  if (facts.eight_bit && !to_ascii && !frame.top) plan_.eight_bit = true;
  if (!frame.fits_not && !facts.bare_cr) return;
  if (frame.sealed) return refuse("a signed or encrypted part");
  // A long line is folded nevertheless: DKIM's relaxed form does not mind, the simple one breaks.
  if (frame.top && frame.part.signature && (to_ascii || facts.nul))
    return refuse("a signed header");
  if (to_ascii && frame.cut) return refuse("a header of more than 1 MiB with 8-bit text");
  fit(frame, to_ascii);
}

void RecodeScanner::fit(Frame& frame, bool to_ascii) {
  const FittedHeader fitted = fit_header(header_, to_ascii);
  if (to_ascii && fitted.address) {
    plan_.address = true;
    return refuse("an address with 8-bit characters in the header");
  }
  frame.fits_not = fitted.text != header_ && !frame.cut;
  const auto& boundary = frame.part.boundary;
  if (to_ascii && frame.part.composition == Composition::multipart &&
      std::any_of(boundary.begin(), boundary.end(), base::eight_bit))
    refuse("a boundary with 8-bit characters");
}

void RecodeScanner::judge_leaf(Frame& frame, std::uint64_t end) {
  if (fits(frame.body)) {
    plan_.eight_bit |= frame.body.eight_bit;
    if (frame.fits_not) header_edit(frame, "");
    return;
  }
  if (frame.sealed && !frame.rewrappable) return refuse("a signed or encrypted part");
  if (frame.too_deep) return refuse("parts nested more than 100 deep");
  if (frame.part.composition == Composition::fixed || frame.part.declared == Declared::other)
    return refuse("a part whose type or encoding does not allow it");
  if (frame.part.declared == Declared::quoted_printable)
    return change(frame, Edit::Kind::requoted, end);
  if (frame.part.declared == Declared::base64) return change(frame, Edit::Kind::rewrapped, end);
  const bool binary = frame.body.nul || frame.body.controls > frame.body.bytes / 8;
  change(frame, binary ? Edit::Kind::base64 : Edit::Kind::quoted_printable, end);
}

void RecodeScanner::change(Frame& frame, Edit::Kind kind, std::uint64_t end) {
  frame.changed = true;
  const bool quoted = kind == Edit::Kind::quoted_printable;
  if (quoted || kind == Edit::Kind::base64)
    header_edit(frame, quoted ? "quoted-printable" : "base64");
  else if (frame.fits_not) header_edit(frame, "");
  add({frame.body_begin, end, kind});
}

/// Text before the first part or behind the last one.
void RecodeScanner::judge_outside(Frame& frame, std::uint64_t end) {
  if (fits(frame.body)) {
    plan_.eight_bit |= frame.body.eight_bit;
    return;
  }
  if (frame.sealed) return refuse("a signed or encrypted part");
  const bool marks = frame.body.nul || (frame.body.eight_bit && !offer_.eight_bit);
  if (marks) add({frame.body_begin, std::max(end, frame.body_begin), Edit::Kind::outside});
  else plan_.eight_bit |= frame.body.eight_bit;
}

/// What holds others may only declare an identity encoding; one that was true before need not be.
void RecodeScanner::judge_composite(Frame& frame) {
  const auto& encoding = frame.part.encoding;
  const bool wide = encoding == "binary" || (encoding == "8bit" && !offer_.eight_bit);
  if (frame.changed && wide) header_edit(frame, offer_.eight_bit ? "8bit" : "7bit");
  else if (frame.fits_not) header_edit(frame, "");
}

void RecodeScanner::header_edit(const Frame& frame, std::string encoding) {
  const bool to_ascii = frame.header.eight_bit && !(frame.top ? offer_.utf8 : offer_.eight_bit);
  if (frame.cut) return refuse("a header of more than 1 MiB");
  const bool separate = frame.header_end == frame.body_begin && !encoding.empty();
  add({frame.header_begin, frame.header_end, Edit::Kind::header, std::move(encoding),
       frame.as_message, to_ascii, separate});
}

void RecodeScanner::refuse(std::string_view reason) {
  if (plan_.refused.empty()) plan_.refused = reason;
}

void RecodeScanner::add(Edit edit) {
  if (plan_.edits.size() < most_edits) plan_.edits.push_back(std::move(edit));
  else refuse("very many parts");
}

Recoder::Recoder(const std::vector<Edit>& edits) : edits_(edits) {}

void Recoder::append(std::string_view piece, std::string& out) {
  for (;;) {
    const bool none = next_ == edits_.size();
    if (!none && edits_[next_].end <= at_ && edits_[next_].begin <= at_) {
      end_edit(out);  // an empty stretch, or the end of one
      continue;
    }
    if (piece.empty()) return;
    const bool in_edit = !none && edits_[next_].begin <= at_;
    const auto until =
        none ? piece.size() : (in_edit ? edits_[next_].end : edits_[next_].begin) - at_;
    const auto part = piece.substr(0, until);
    if (in_edit) inside(part, out);
    else out.append(part);
    at_ += part.size();
    piece.remove_prefix(part.size());
  }
}

void Recoder::begin_edit() {
  begun_ = true;
  const bool quoted = edits_[next_].kind == Edit::Kind::quoted_printable;
  encoder_ = BodyEncoder(quoted ? TransferEncoding::quoted_printable : TransferEncoding::base64);
  requoter_ = {};
  rewrapper_ = {};
}

void Recoder::inside(std::string_view piece, std::string& out) {
  if (!begun_) begin_edit();
  switch (edits_[next_].kind) {
    case Edit::Kind::header: header_.append(piece); return;
    case Edit::Kind::quoted_printable:
    case Edit::Kind::base64: return encoder_.append(piece, out);
    case Edit::Kind::requoted: return requoter_.append(piece, out);
    case Edit::Kind::rewrapped: return rewrapper_.append(piece, out);
    case Edit::Kind::outside:
      for (const char c : piece) out.push_back(base::eight_bit(c) || c == '\0' ? '?' : c);
  }
}

void Recoder::end_edit(std::string& out) {
  if (!begun_) begin_edit();
  const Edit& edit = edits_[next_++];
  begun_ = false;
  std::string rest;
  switch (edit.kind) {
    case Edit::Kind::header:
      rest = std::exchange(header_, {});
      if (!edit.encoding.empty())
        rest = with_transfer_encoding(rest, edit.encoding, edit.as_message);
      rest = cat(fit_header(rest, edit.to_ascii).text, edit.separate ? "\n" : "");
      break;
    case Edit::Kind::quoted_printable:
    case Edit::Kind::base64:
      encoder_.finish(rest);
      if (rest.ends_with('\n')) rest.pop_back();  // the delimiter's line end follows, or the end
      break;
    case Edit::Kind::requoted: requoter_.finish(rest); break;
    case Edit::Kind::rewrapped:
    case Edit::Kind::outside: break;
  }
  out.append(rest);
}

void Recoder::finish(std::string& out) {
  append("", out);
  if (next_ < edits_.size() && begun_) end_edit(out);
}

}  // namespace spool
