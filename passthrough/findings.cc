#include "passthrough/findings.h"

#include <algorithm>

#include "engine/engine.h"
#include "passthrough/binding.h"

namespace lodge {

std::string_view verdict_words(Verdict verdict) {
    switch (verdict) {
        case Verdict::safe:
            return "safe";
        case Verdict::care:
            return "safe with care";
        case Verdict::cuts_off:
            return "will cut you off";
        case Verdict::impossible:
            break;
    }
    return "not possible here";
}

std::string Judgement::line() const {
    std::string text(verdict_words(verdict));
    if (!findings.empty()) text += ": " + findings.front().reason;
    return text;
}

bool Proposal::goes(const PciFunction& function) const {
    return std::find(going.begin(), going.end(), &function) != going.end();
}

const Host& Proposal::host() const {
    return engine.host;
}

std::vector<Check> all_checks() {
    std::vector<Check> all = block_checks();
    for (const auto& table : {device_checks(), machine_checks()})
        all.insert(all.end(), table.begin(), table.end());
    return all;
}

namespace {

Verdict verdict_of(const std::vector<Finding>& findings) {
    Verdict verdict = findings.empty() ? Verdict::safe : Verdict::care;
    for (const Finding& one : findings) {
        if (one.severity != Severity::block) continue;
        if (!one.cuts_off) return Verdict::impossible;
        verdict = Verdict::cuts_off;
    }
    return verdict;
}

// What ends the matter first, then what cuts off, then what is to be known.
int rank_of(const Finding& finding) {
    if (finding.severity != Severity::block) return 2;
    return finding.cuts_off ? 1 : 0;
}

}  // namespace

Judgement judge(Engine& engine, const Inventory& inventory,
                const std::vector<const PciFunction*>& wanted, const Guest* guest) {
    Proposal proposal{engine, inventory, wanted, wanted, {}, guest};
    const auto add = [](std::vector<const PciFunction*>& list, const PciFunction* one) {
        if (std::find(list.begin(), list.end(), one) == list.end()) list.push_back(one);
    };
    for (const PciFunction* function : wanted) {
        for (const PciFunction* one : must_go(inventory, *function))
            add(proposal.going, one);
        for (const PciFunction* one : inventory.companions(*function))
            add(proposal.group, one);
    }
    Judgement judgement;
    judgement.wanted = wanted;
    for (const PciFunction* one : proposal.going)
        if (std::find(wanted.begin(), wanted.end(), one) == wanted.end())
            judgement.along.push_back(one);
    for (const Check& check : all_checks()) {
        const size_t before = judgement.findings.size();
        check.look(proposal, judgement.findings);
        for (size_t i = before; i < judgement.findings.size(); ++i)
            if (judgement.findings[i].code.empty())
                judgement.findings[i].code = std::string(check.code);
    }
    std::stable_sort(
        judgement.findings.begin(), judgement.findings.end(),
        [](const Finding& one, const Finding& two) { return rank_of(one) < rank_of(two); });
    judgement.verdict = verdict_of(judgement.findings);
    return judgement;
}

}  // namespace lodge
