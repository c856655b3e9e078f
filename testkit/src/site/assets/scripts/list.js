// The list is not in the page: it comes as JSON and is put in by this script.
const render = (items) => {
  const list = document.createElement('ul');
  list.id = 'list';
  for (const { id, name, price } of items) {
    const item = document.createElement('li');
    item.className = 'item';
    item.dataset.id = id;
    const link = document.createElement('a');
    link.className = 'product';
    link.href = `/shop/product/${id}`;
    link.textContent = name;
    const cost = document.createElement('span');
    cost.className = 'price';
    cost.textContent = price;
    item.append(link, ' ', cost);
    list.append(item);
  }
  document.body.append(list);
  document.getElementById('state').textContent = `${items.length} items`;
};
fetch('/js/list.json').then((answer) => answer.json()).then(render);
