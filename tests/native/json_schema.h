// The part of JSON Schema 2020-12 that manifest.schema.json uses; a schema with more than that is refused.
#pragma once

#include <algorithm>
#include <cmath>
#include <set>

#include "strict_json.h"

// A pattern of the schema: ^, character classes that each may have a count such as {1,64}, and $. Every class takes as
// many characters as it can, which is right where no class has to leave some for the next one.
class Pattern {
 public:
  explicit Pattern(Text pattern) : pattern_(std::move(pattern)) {}

  bool matches(const Text &text) {
    place_ = 0;
    need(L'^');
    size_t at = 0;
    while (pattern_[place_] != L'$') {
      const Class one = read_class();
      const auto [least, most] = read_count();
      size_t taken = 0;
      while (taken < most && at < text.size() && one.has(text[at])) ++taken, ++at;
      if (taken < least) return false;
    }
    return at == text.size() && place_ + 1 == pattern_.size();
  }

 private:
  struct Class {
    bool negated = false;
    std::vector<std::pair<wchar_t, wchar_t>> ranges;
    bool has(wchar_t character) const {
      const bool found = std::any_of(ranges.begin(), ranges.end(), [&](const auto &range) {
        return range.first <= character && character <= range.second;
      });
      return found != negated;
    }
  };

  [[noreturn]] static void unknown() { throw std::logic_error("a pattern of the schema is beyond this reader"); }

  void need(wchar_t expected) {
    if (pattern_[place_++] != expected) unknown();
  }

  wchar_t read_character() {
    if (place_ >= pattern_.size()) unknown();
    if (pattern_[place_] != L'\\') return pattern_[place_++];
    if (pattern_[place_ + 1] != L'x') unknown();
    const Text digits = pattern_.substr(place_ + 2, 2);
    place_ += 4;
    return static_cast<wchar_t>(std::stoi(digits, nullptr, 16));
  }

  Class read_class() {
    Class result;
    need(L'[');
    result.negated = pattern_[place_] == L'^';
    if (result.negated) ++place_;
    while (pattern_[place_] != L']') {
      const wchar_t first = read_character();
      const bool range = pattern_[place_] == L'-' && pattern_[place_ + 1] != L']';
      if (range) ++place_;
      result.ranges.emplace_back(first, range ? read_character() : first);
    }
    ++place_;
    return result;
  }

  std::pair<size_t, size_t> read_count() {
    if (pattern_[place_] != L'{') return {1, 1};
    const size_t end = pattern_.find(L'}', place_), comma = pattern_.find(L',', place_);
    if (end == Text::npos) unknown();
    const size_t least = std::stoul(pattern_.substr(place_ + 1));
    const size_t most = comma < end ? std::stoul(pattern_.substr(comma + 1)) : least;
    place_ = end + 1;
    return {least, most};
  }

  Text pattern_;
  size_t place_ = 0;
};

class JsonSchema {
 public:
  explicit JsonSchema(Json root) : root_(std::move(root)) {}

  bool fits(const Json &value) const { return fits(value, root_); }

  static bool matches(const Text &text, const Text &pattern) {
    return Pattern(pattern).matches(text);
  }

 private:
  bool fits(const Json &value, const Json &schema) const {
    refuse_unknown_words(schema);
    const Json &reference = schema[L"$ref"], &choices = schema[L"anyOf"];
    if (reference.kind == Json::text) {
      return fits(value, root_[L"$defs"][reference.characters.substr(Text(L"#/$defs/").size())]);
    }
    if (choices.kind == Json::list && !any(choices, [&](const Json &one) { return fits(value, one); })) return false;
    if (!has_type(value, schema[L"type"].characters)) return false;
    const Json &constant = schema[L"const"], &allowed = schema[L"enum"];
    if (constant.kind != Json::null && !(value == constant)) return false;
    if (allowed.kind == Json::list && !any(allowed, [&](const Json &one) { return value == one; })) return false;
    switch (value.kind) {
      case Json::number: return number_fits(value.value, schema);
      case Json::text: return schema[L"pattern"].kind == Json::null || matches(value.characters, schema[L"pattern"].characters);
      case Json::list: return list_fits(value.items, schema);
      case Json::object: return object_fits(value.members, schema);
      default: return true;
    }
  }

  template <class Test>
  static bool any(const Json &list, Test test) {
    return std::any_of(list.items.begin(), list.items.end(), test);
  }

  static bool has_type(const Json &value, const Text &type) {
    if (type.empty()) return true;
    if (type == L"integer") return value.kind == Json::number && value.whole;
    static const Text names[] = {L"null", L"boolean", L"number", L"string", L"array", L"object"};
    return type == names[value.kind];
  }

  static double limit(const Json &schema, const Text &word, double otherwise) {
    return schema[word].kind == Json::number ? schema[word].value : otherwise;
  }

  static bool number_fits(double value, const Json &schema) {
    return value >= limit(schema, L"minimum", -INFINITY) && value <= limit(schema, L"maximum", INFINITY) &&
           value > limit(schema, L"exclusiveMinimum", -INFINITY) && value < limit(schema, L"exclusiveMaximum", INFINITY);
  }

  bool list_fits(const std::vector<Json> &items, const Json &schema) const {
    const auto count = static_cast<double>(items.size());
    if (count < limit(schema, L"minItems", 0) || count > limit(schema, L"maxItems", INFINITY)) return false;
    const auto &first = schema[L"prefixItems"].items;
    for (size_t i = 0; i < items.size(); ++i) {
      if (!fits(items[i], i < first.size() ? first[i] : schema[L"items"])) return false;
    }
    return true;
  }

  bool object_fits(const std::map<Text, Json> &members, const Json &schema) const {
    if (static_cast<double>(members.size()) > limit(schema, L"maxProperties", INFINITY)) return false;
    for (const auto &name : schema[L"required"].items) {
      if (members.count(name.characters) == 0) return false;
    }
    for (const auto &[name, value] : members) {
      const Json &rule = rule_of(name, schema);
      if (rule.kind == Json::boolean ? rule.value == 0 : !fits(value, rule)) return false;
    }
    return true;
  }

  static const Json &rule_of(const Text &name, const Json &schema) {
    const auto &known = schema[L"properties"].members;
    if (const auto found = known.find(name); found != known.end()) return found->second;
    for (const auto &[pattern, rule] : schema[L"patternProperties"].members) {
      if (matches(name, pattern)) return rule;
    }
    return schema[L"additionalProperties"];  // absent: null, which anything fits
  }

  static void refuse_unknown_words(const Json &schema) {
    static const std::set<Text> known = {
        L"$schema", L"$defs", L"$ref", L"title", L"description", L"default", L"type", L"anyOf", L"const", L"enum",
        L"pattern", L"minimum", L"maximum", L"exclusiveMinimum", L"exclusiveMaximum", L"items", L"prefixItems",
        L"minItems", L"maxItems", L"properties", L"patternProperties", L"additionalProperties", L"required",
        L"maxProperties"};
    for (const auto &[word, value] : schema.members) {
      if (known.count(word) == 0) throw std::logic_error("the schema has a word that this reader does not know");
    }
  }

  Json root_;
};
