"""The answers of the act `judge`: to each question a good one and a worse one, equally long and
equally quick, and the words by which the scripted judge compares them."""

ANSWERS = {
    "How do I reset my password?": {
        "good": "Choose 'Forgot password' on the sign-in page, and follow the link in the e-mail.",
        "worse": "A password should be long, and it should be known to you and to nobody else.",
        "words": ["forgot", "link"],
    },
    "Summarise our refund policy in two sentences.": {
        "good": "You may return any item within 30 days. We refund the full price to your card.",
        "worse": "Our policy is on our website. It has all that you need to know about our policy.",
        "words": ["30 days", "refund"],
    },
    "Write a haiku about copper turning green.": {
        "good": "Rain on copper roofs / slowly turns the bright to green / time paints what it loves",
        "worse": "Copper is a metal that is used for roofs, for wires and for coins in most countries.",
        "words": ["green", "/"],
    },
    "What is the capital of Australia?": {
        "good": "The capital of Australia is Canberra.",
        "worse": "The capital of Australia is Sydney.",
        "words": ["canberra"],
    },
}
