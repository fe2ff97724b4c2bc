// recode.h - what of a message must change so that a server can take it, leaf by leaf (RFC 2045
// section 6, RFC 2046 section 5). Two passes over the text: RecodeScanner finds out where, Recoder
// does it. Pure: LF text in pieces of any size; memory does not grow with the message but for one
// header at a time and a few bytes for each change.
//
// Parts are found as most readers find them: a delimiter is a line of "--", the boundary, perhaps
// "--", and blanks; of nested multiparts the outermost whose boundary fits; what comes behind the
// final delimiter is no part. A multipart in which no delimiter comes is a leaf.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "spool/mime.h"
#include "spool/wire.h"

namespace spool {

/// What the other side takes. utf8 goes with eight_bit (RFC 6531 section 3.1).
struct Offer {
  bool eight_bit = false, utf8 = false;
};

/// A stretch of the text that changes; nothing else does.
struct Edit {
  enum class Kind {
    header,            ///< fit_header(), and the transfer encoding if one is named
    quoted_printable,  ///< of identity text
    base64,            ///< of identity text
    requoted,          ///< quoted-printable whose lines are too long, or that holds other bytes
    rewrapped,         ///< base64 of the same kind: bytes outside its alphabet go, as in decoding
    outside,           ///< text that belongs to no part: 8-bit bytes and NUL become '?'
  };
  std::uint64_t begin, end;  ///< offsets
  Kind kind;
  std::string encoding = {};  ///< of a header: to be declared; empty: as it is
  bool as_message = false;    ///< of a header: it is a message's, not a part's
  bool to_ascii = false;      ///< of a header: no 8-bit text may stay
  bool separate = false;      ///< of a header: the empty line behind it is missing
};

struct RecodePlan {
  std::vector<Edit> edits;  ///< in order, apart from each other
  std::string refused;      ///< why it cannot be made to fit without damage; empty: it can
  bool address = false;     ///< the reason is an 8-bit address
  bool eight_bit = false;   ///< 8-bit text is left, of a part's header or a body
};

class RecodeScanner {
 public:
  explicit RecodeScanner(Offer offer);
  void append(std::string_view piece);
  /// At the end of the message.
  RecodePlan finish();

 private:
  struct Facts {
    bool eight_bit = false, nul = false, bare_cr = false;
    std::uint64_t longest = 0, bytes = 0, controls = 0;
  };
  /// A message or part that has begun and not ended.
  struct Frame {
    std::uint64_t header_begin = 0, header_end = 0;
    std::uint64_t body_begin = 0;  ///< of a multipart: of the text outside its parts
    bool as_message = false, top = false;
    bool default_message = false;  ///< without a type it is one, being of a digest
    bool sealed = false;           ///< it or what it is part of
    bool rewrappable = false;  ///< sealed by its base64, which may be set anew, and nothing else
    bool too_deep = false;
    bool started = false, closed = false;  ///< delimiters of a multipart seen
    bool changed = false;                  ///< something in it is recoded
    PartHeader part;
    Facts header, body;
    bool fits_not = false;  ///< its header must change
    bool cut = false;       ///< its header is too large to be changed
  };

  void text(std::string_view part);
  void end_line();
  void settle(bool whole);
  void content(std::string_view part);
  bool at_delimiter();
  void delimiter(std::size_t index, bool closing);
  void push(std::uint64_t at, bool as_message);
  void end_header(std::uint64_t header_end, std::uint64_t body_begin);
  bool header_line(bool whole) const;
  void pop(std::uint64_t end, std::uint64_t behind);
  void judge_header(Frame& frame);
  void fit(Frame& frame, bool to_ascii);
  void judge_leaf(Frame& frame, std::uint64_t end);
  void judge_outside(Frame& frame, std::uint64_t end);
  void judge_composite(Frame& frame);
  bool fits(const Facts& facts) const;
  void change(Frame& frame, Edit::Kind kind, std::uint64_t end);
  void header_edit(const Frame& frame, std::string encoding);
  void refuse(std::string_view reason);
  void add(Edit edit);
  void count(std::string_view part);

  Offer offer_;
  std::vector<Frame> frames_;
  bool in_header_ = true;
  bool first_header_line_ = true;
  std::string header_;    // of the last frame while in_header_
  std::string line_;      // while it is not known what the line is
  bool settled_ = false;  // it is known
  std::uint64_t column_ = 0, line_begin_ = 0, at_ = 0;
  RecodePlan plan_;
};

/// Changes the text as planned.
class Recoder {
 public:
  /// edits: must outlive it.
  explicit Recoder(const std::vector<Edit>& edits);
  void append(std::string_view piece, std::string& out);
  void finish(std::string& out);

 private:
  void inside(std::string_view piece, std::string& out);
  void begin_edit();
  void end_edit(std::string& out);

  const std::vector<Edit>& edits_;
  std::size_t next_ = 0;
  std::uint64_t at_ = 0;
  bool begun_ = false;  // the next edit
  BodyEncoder encoder_{TransferEncoding::none};
  Requoter requoter_;
  Rewrapper rewrapper_;
  std::string header_;
};

}  // namespace spool
