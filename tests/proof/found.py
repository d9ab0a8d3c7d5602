"""What the proofs found in the product, and the test that holds each of it by now.

Owns: the list, which is on the page RELIABILITY.md. A suite test fails where a test that is named
here does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Found:
    """One defect: what it was, who found it, and the test that fails where it comes back."""

    what: str
    by: str
    test: str


FOUND: Final = (
    Found(
        "A batch whose last order a person resolved stayed among those that a start takes up",
        "seed 2, as stories were drawn first",
        "tests/contract/test_ledger_resolving.py::test_a_person_may_say_that_all_was_filled",
    ),
    Found(
        "An order that the broker fills and corrects while nobody listens stayed Unknown for good",
        "seed 218, which is kept as a story, and the state machine",
        "tests/integration/desk/test_resolving.py::"
        "test_an_order_that_filled_whole_before_it_was_corrected_is_over",
    ),
    Found(
        "An order whose executions never add up was looked into for ever, and never locked",
        "a seed, as stories were drawn first",
        "tests/integration/desk/test_resolving.py::"
        "test_an_order_whose_executions_never_add_up_is_left_to_a_person",
    ),
    Found(
        "A position that a person had accepted was locked again by the broker's next list",
        "seeds 39 and 121",
        "tests/integration/desk/test_resolving.py::"
        "test_a_position_that_a_person_accepted_is_not_locked_again",
    ),
    Found(
        "Questions left beside the reads that open a session: more frames than the pace allows",
        "seed 168",
        "tests/integration/desk/test_pace.py::"
        "test_nothing_is_asked_beside_the_reads_that_open_a_session",
    ),
    Found(
        "An intent that had waited for the pace was sent though its position was another by then",
        "the small scope",
        "tests/contract/test_ledger_claiming.py::"
        "test_an_intent_is_not_claimed_once_the_position_it_was_planned_from_is_another",
    ),
    Found(
        "A held order whose cancel was refused ended in the books, and lived at the broker",
        "the small scope",
        "tests/integration/desk/test_close_calls.py::"
        "test_a_held_order_whose_cancel_is_refused_is_followed_to_its_fill",
    ),
    Found(
        "A ledger on a full disk counted as one that can be written",
        "quota-long and disk-long of the harms",
        "tests/unit/paperdesk/ledger/test_sqlite.py::"
        "test_whether_it_can_be_written_is_found_out_by_writing",
    ),
    Found(
        "A disk that was full for long never halted an account: what writes nothing succeeded",
        "quota-long of the harms",
        "tests/contract/test_ledger_loss.py::"
        "test_a_transaction_that_writes_nothing_does_not_end_a_loss",
    ),
    Found(
        "A clock that was set back kept every symbol waiting for a cancelled order to settle",
        "clock-jumps of the harms",
        "tests/unit/paperdesk/domain/test_order.py::"
        "test_a_clock_that_was_set_back_does_not_keep_a_contract_locked",
    ),
    Found(
        "A target that was withdrawn before it was applied let the older one leave after all",
        "seed 563, which is kept as a story",
        "tests/contract/test_ledger_stopping.py::"
        "test_a_target_that_was_withdrawn_unapplied_still_overtakes_the_older",
    ),
    Found(
        "An older target left where the one that had overtaken all between them was refused",
        "seed 918",
        "tests/contract/test_ledger_planning.py::"
        "test_what_was_overtaken_by_a_target_that_is_refused_overtakes_the_older_itself",
    ),
    Found(
        "twsim kept a client id for good where its client left while its words were under way",
        "seed 725, which is kept as a story",
        "tests/integration/twsim/test_fault_plans.py::"
        "test_a_client_that_left_while_its_words_were_under_way_is_forgotten",
    ),
    Found(
        "A fill that only lists told, without its reference, was booked as somebody else's",
        "seed 604",
        "tests/integration/desk/test_resolving.py::"
        "test_a_fill_that_only_lists_tell_without_its_reference_is_counted",
    ),
    Found(
        "An order whose executions could not be had any more told nothing of what the broker "
        "had filled, nor of who had accepted the position",
        "seed 2045",
        "tests/contract/test_ledger_resolving.py::"
        "test_an_order_says_what_is_missing_of_it_and_who_accepted_that",
    ),
    Found(
        "An order that was sent before the clock was set back was never missed",
        "clock-jumps of the harms",
        "tests/contract/test_ledger_claiming.py::"
        "test_a_clock_that_was_set_back_leaves_no_order_without_an_answer",
    ),
    Found(
        "An answer that could not be stored was replayed with what had happened since",
        "a full disk of the harms",
        "tests/integration/api/test_failures.py::"
        "test_an_answer_that_could_not_be_stored_is_replayed_and_stored_then",
    ),
    Found(
        "A megabyte of zeros from the gateway kept the service from answering for a minute",
        "the fuzzer that speaks for a gateway",
        "tests/integration/broker/test_session.py::"
        "test_a_run_of_zeros_ends_the_session_with_its_first_frame",
    ),
    Found(
        "The OpenAPI document allowed lists, queries and names that the service refuses",
        "schemathesis",
        "tests/unit/paperdesk/api/test_docs.py::test_a_list_is_described_as_it_is_judged",
    ),
    Found(
        "The OpenAPI document allowed an Idempotency-Key that is not printable",
        "schemathesis, 12,000 cases",
        "tests/unit/paperdesk/api/test_docs.py::"
        "test_the_key_of_a_request_is_described_as_it_is_judged",
    ),
    Found(
        "The OpenAPI document did not know that accepting a position may find no broker",
        "the state machine",
        "tests/unit/paperdesk/api/test_docs.py::"
        "test_accepting_a_position_needs_a_broker_and_says_so",
    ),
    Found(
        "A gateway that names an absurd next order id once left every later session without orders",
        "make fuzz-service, seed 1795459243",
        "tests/fuzz/test_service_fuzz.py::"
        "test_a_service_survives_nonsense_and_books_what_comes_after_it",
    ),
    Found(
        "The document of the API allowed words of a simulator's fault that the service refuses",
        "make schema, seed 3",
        "tests/unit/paperdesk/wire/test_simulator.py::test_what_cannot_be_asked_is_named",
    ),
    Found(
        "A reason longer than the document allows was accepted where blanks stood around it",
        "make schema, seed 14",
        "tests/unit/paperdesk/wire/test_values.py::test_a_reason_that_is_none_is_refused",
    ),
    Found(
        "The document of the API called an event of the stream a text, and its id a number",
        "make schema, once it asked the stream, too",
        "tests/fuzz/test_schema.py::test_every_answer_is_one_that_the_document_promises",
    ),
    Found(
        "A gateway that answers with an absurd version of the protocol ended the service",
        "make fuzz-service, seed 1795473000",
        "tests/integration/broker/test_why_down.py::"
        "test_a_session_that_does_not_come_up_says_why",
    ),
)
