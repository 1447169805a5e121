// What the form of a question takes.
const given = (record) => record;
const problems = ({ question }) => (question?.trim() ? [] : [{ loc: ["body", "question"], msg: "is empty" }]);

